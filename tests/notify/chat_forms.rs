//! The forms of chats, to the letter.

use serde_json::Value;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;

use crate::chat::sent;
use crate::chat_reports;
use crate::samples;

fn pretty(format: WebhookFormat, message: &Message) -> String {
    serde_json::to_string_pretty(&sent(format.clone(), message)).expect("JSON")
}

/// The text alone.
fn text(format: WebhookFormat, key: &str, message: &Message) -> String {
    let sent: Value = sent(format.clone(), message);
    sent[key].as_str().expect("a text").to_owned()
}

#[test]
fn slack() {
    insta::assert_snapshot!(pretty(WebhookFormat::Slack, &samples::mixed()), @r#"
    {
      "blocks": [
        {
          "text": {
            "emoji": false,
            "text": "1 out, 1 critical, 1 low, 1 recovered",
            "type": "plain_text"
          },
          "type": "header"
        },
        {
          "expand": true,
          "text": {
            "text": "🔴 *OUT* DS-64\n0 left, was 3\ntold before: low\nDedicated · product 42\nlow ≤ 5, critical ≤ 1 (global)\nnot ok since 21 Nov 2026, 07:58 CET (2 h 5 min)\n\n🟠 *CRITICAL* VPS M [RAM: 64 GB, Disk: 2x NVMe]\n1 left, was 2\nDedicated · product 7\nlow ≤ 5, critical ≤ 1 (global)\n\n🟡 *LOW* VPS L &amp; XL\n6 left\nDedicated · product 8\nlow ≤ 8, critical ≤ 2 (from rule 2)\nlasts about 3 days at the present rate\n\n🟢 *RECOVERED* Web S\n200 left, was 1\nDedicated · product 9\nlow ≤ 5, critical ≤ 1 (global)\nwas not ok for 4 days 15 h",
            "type": "mrkdwn",
            "verbatim": true
          },
          "type": "section"
        },
        {
          "expand": true,
          "text": {
            "text": "*Still open (14)*\n🔴 *OUT* DS-128: shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET\n🟡 *LOW* Web L: 4 left, since 20 Nov 2026, 09:03 CET\n_+12 more_",
            "type": "mrkdwn",
            "verbatim": true
          },
          "type": "section"
        },
        {
          "elements": [
            {
              "text": "Shop default · 21 Nov 2026, 10:03 CET · <https://stock.example.com/?a=1&amp;b=2|All levels>",
              "type": "mrkdwn",
              "verbatim": true
            }
          ],
          "type": "context"
        }
      ],
      "text": "1 out, 1 critical, 1 low, 1 recovered: DS-64, VPS M [RAM: 64 GB, Disk: 2x NVMe] +2"
    }
    "#);
}

#[test]
fn discord() {
    insta::assert_snapshot!(pretty(WebhookFormat::Discord, &samples::mixed()), @r#"
    {
      "allowed_mentions": {
        "parse": []
      },
      "content": "**1 out, 1 critical, 1 low, 1 recovered: DS-64, VPS M \\[RAM: 64 GB, Disk: 2x NVMe\\] +2**",
      "embeds": [
        {
          "color": 11805464,
          "description": "**0 left, was 3**\ntold before: low\nDedicated · product 42\nlow ≤ 5, critical ≤ 1 \\(global\\)\nnot ok since 21 Nov 2026, 07:58 CET \\(2 h 5 min\\)",
          "title": "OUT: DS-64"
        },
        {
          "color": 11880200,
          "description": "**1 left, was 2**\nDedicated · product 7\nlow ≤ 5, critical ≤ 1 \\(global\\)",
          "title": "CRITICAL: VPS M \\[RAM: 64 GB, Disk: 2x NVMe\\]"
        },
        {
          "color": 9068800,
          "description": "**6 left**\nDedicated · product 8\nlow ≤ 8, critical ≤ 2 \\(from rule 2\\)\nlasts about 3 days at the present rate",
          "title": "LOW: VPS L & XL"
        },
        {
          "color": 1536581,
          "description": "**200 left, was 1**\nDedicated · product 9\nlow ≤ 5, critical ≤ 1 \\(global\\)\nwas not ok for 4 days 15 h",
          "title": "RECOVERED: Web S"
        },
        {
          "color": 11805464,
          "description": "🔴 **OUT** DS-128: shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET\n🟡 **LOW** Web L: 4 left, since 20 Nov 2026, 09:03 CET\n+12 more\n\nAll levels: https://stock.example.com/?a=1&b=2",
          "footer": {
            "text": "Shop default · 21 Nov 2026, 10:03 CET"
          },
          "title": "Still open \\(14\\)"
        }
      ]
    }
    "#);
}

#[test]
fn teams() {
    insta::assert_snapshot!(pretty(WebhookFormat::Teams, &samples::alerts(vec![samples::out()])), @r#"
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "actions": [
              {
                "title": "All levels",
                "type": "Action.OpenUrl",
                "url": "https://stock.example.com/?a=1&b=2"
              }
            ],
            "body": [
              {
                "inlines": [
                  {
                    "color": "Attention",
                    "size": "Medium",
                    "text": "OUT: DS-64 (was 3)",
                    "type": "TextRun",
                    "weight": "Bolder"
                  }
                ],
                "spacing": "Default",
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "color": "Attention",
                    "text": "OUT ",
                    "type": "TextRun",
                    "weight": "Bolder"
                  },
                  {
                    "text": "DS-64",
                    "type": "TextRun",
                    "weight": "Bolder"
                  },
                  {
                    "text": ": 0 left, was 3",
                    "type": "TextRun"
                  }
                ],
                "spacing": "Small",
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "size": "Small",
                    "text": "told before: low · Dedicated · product 42 · low ≤ 5, critical ≤ 1 (global) · not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)",
                    "type": "TextRun"
                  }
                ],
                "spacing": "None",
                "type": "RichTextBlock"
              },
              {
                "inlines": [
                  {
                    "size": "Small",
                    "text": "Shop default · 21 Nov 2026, 10:03 CET",
                    "type": "TextRun"
                  }
                ],
                "spacing": "Medium",
                "type": "RichTextBlock"
              }
            ],
            "fallbackText": "OUT: DS-64 (was 3)",
            "type": "AdaptiveCard",
            "version": "1.2"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
}

#[test]
fn telegram() {
    insta::assert_snapshot!(pretty(WebhookFormat::Telegram, &samples::alerts(vec![samples::out()])), @r#"
    {
      "link_preview_options": {
        "is_disabled": true
      },
      "parse_mode": "HTML",
      "text": "🔴 <b>OUT</b> DS-64\n0 left, was 3\ntold before: low\nDedicated · product 42\nlow ≤ 5, critical ≤ 1 (global)\nnot ok since 21 Nov 2026, 07:58 CET (2 h 5 min)\n\nShop default · 21 Nov 2026, 10:03 CET\nAll levels: https://stock.example.com/?a=1&amp;b=2"
    }
    "#);
    insta::assert_snapshot!(text(WebhookFormat::Telegram, "text", &samples::mixed()), @r"
    <b>1 out, 1 critical, 1 low, 1 recovered</b>

    🔴 <b>OUT</b> DS-64
    0 left, was 3
    told before: low
    Dedicated · product 42
    low ≤ 5, critical ≤ 1 (global)
    not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    🟠 <b>CRITICAL</b> VPS M [RAM: 64 GB, Disk: 2x NVMe]
    1 left, was 2
    Dedicated · product 7
    low ≤ 5, critical ≤ 1 (global)

    🟡 <b>LOW</b> VPS L &amp; XL
    6 left
    Dedicated · product 8
    low ≤ 8, critical ≤ 2 (from rule 2)
    lasts about 3 days at the present rate

    🟢 <b>RECOVERED</b> Web S
    200 left, was 1
    Dedicated · product 9
    low ≤ 5, critical ≤ 1 (global)
    was not ok for 4 days 15 h

    <b>Still open (14)</b>
    🔴 <b>OUT</b> DS-128: shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET
    🟡 <b>LOW</b> Web L: 4 left, since 20 Nov 2026, 09:03 CET
    +12 more

    Shop default · 21 Nov 2026, 10:03 CET
    All levels: https://stock.example.com/?a=1&amp;b=2
    ");
    insta::assert_snapshot!(text(WebhookFormat::Telegram, "text", &samples::baseline()), @r"
    <b>Now watching 84 products of WHMCS, and 3 pools</b>
    This is the baseline: what stands below counts as told. From now on you hear of what changes.
    Combinations of options: 12 out.
    Pools: 1 out.
    2 out · 1 critical · 5 low · 60 ok · 14 not controlled · 2 unknown

    <b>Still open (14)</b>
    🔴 <b>OUT</b> DS-128: shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET
    🟡 <b>LOW</b> Web L: 4 left, since 20 Nov 2026, 09:03 CET
    +12 more

    Shop default · 21 Nov 2026, 10:03 CET
    All levels: https://stock.example.com/?a=1&amp;b=2
    ");
}

#[test]
fn ntfy() {
    insta::assert_snapshot!(pretty(WebhookFormat::Ntfy, &samples::alerts(vec![samples::out()])), @r#"
    {
      "click": "https://stock.example.com/?a=1&b=2",
      "message": "🔴 OUT DS-64\n0 left, was 3\ntold before: low\nDedicated · product 42\nlow ≤ 5, critical ≤ 1 (global)\nnot ok since 21 Nov 2026, 07:58 CET (2 h 5 min)\n\nShop default · 21 Nov 2026, 10:03 CET",
      "priority": 5,
      "tags": [
        "red_circle"
      ],
      "title": "OUT: DS-64 (was 3)"
    }
    "#);
    insta::assert_snapshot!(text(WebhookFormat::Ntfy, "message", &samples::down()), @r#"
    Something in front of WHMCS refused the request (a firewall or login page answered). Since 21 Nov 2026, 09:47 CET.
    Seen: status 403, a page of HTML: "Just a moment…"
    What to do: Let this host's requests to includes/api.php through the firewall, WAF or CDN (a 403 or an HTML page came back).
    Until it is readable again its products are silent: levels may be out of date.
    Pools that count its services become unknown with it, in every shop: 64 GB DIMM kits, NVMe.

    Shop eu · 21 Nov 2026, 10:03 CET
    "#);
    insta::assert_snapshot!(text(WebhookFormat::Ntfy, "message", &samples::message(Body::Ping)), @r"
    This is a test: messages of the stock monitor arrive here.

    Shop default · 21 Nov 2026, 10:03 CET
    ");
}

#[test]
fn a_report() {
    let report = chat_reports::message(chat_reports::small());
    insta::assert_snapshot!(text(WebhookFormat::Telegram, "text", &report), @r"
    <b>Report weekly: 2 out, 5 low</b>
    From 14 Nov 2026, 10:03 CET to 21 Nov 2026, 10:03 CET.

    <b>Act now</b>
    🔴 <b>OUT</b> DS-64: 0 left
    +3 more

    <b>Will run out before a restock comes (10 days)</b>
    🟡 <b>LOW</b> VPS M: 3 left, lasts about 4.2 days, sells 0.7 a day

    <b>Ordered and waiting</b>
    🔴 <b>OUT</b> DS-64: 0 left, 20 ordered by Ann, overdue since 11 Dec 2026, 10:03 CET, PO 881

    <b>Sold and restocked</b>
    🟡 <b>LOW</b> VPS M: 3 left, 5 sold, 10 restocked
    +3 more

    <b>What else changed</b>
    ⚪ VPS M: new, 20 Nov 2026, 10:03 CET

    <b>In stock and not selling: none</b>

    <b>Pools</b>
    🔴 <b>OUT</b> 64 GB DIMM kits: 0 left of 40, holds back 6

    <b>Probably not earned: EUR 1234.56</b>
    🔴 <b>OUT</b> DS-64: 0 left, 12 hours at zero, EUR 1234.56

    <b>The monitor itself</b>
    🟡 Polls: 2016, 3 of them failed
    🟡 Products whose level is unknown: 2
    🟠 Messages that could not be delivered: 1
    🟠 eu was not read: from 20 Nov 2026, 10:03 CET, for 1 h 30 min
    ⚪ A silence ends 22 Nov 2026, 10:03 CET: by Ann: moving racks
    🟠 Report daily is overdue: since 20 Nov 2026, 10:03 CET

    21 Nov 2026, 10:03 CET
    All levels: https://stock.example.com/?a=1&amp;b=2
    ");
    let quiet = chat_reports::message(chat_reports::quiet());
    insta::assert_snapshot!(text(WebhookFormat::Telegram, "text", &quiet), @r"
    <b>Report weekly: all is well</b>
    From 14 Nov 2026, 10:03 CET to 21 Nov 2026, 10:03 CET.

    <b>Act now: none</b>

    <b>Sold and restocked: none</b>

    <b>The monitor itself</b>
    🟢 Polls: 0, 0 of them failed

    21 Nov 2026, 10:03 CET
    All levels: https://stock.example.com/?a=1&amp;b=2
    ");
}
