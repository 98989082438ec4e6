//! One XML element becomes the JSON that WHMCS would have sent, so that both are read by the same code.
//!
//! An element without elements in it is a text, one with some an object; what comes more than once in it is a list.
//! Bytes that are no UTF-8 become U+FFFD, in that text alone. Only XML's own entities and numbered characters are
//! resolved; any other stays as it is written, and a document type, which could define some, is refused.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::BytesRef;
use quick_xml::events::Event;

/// Elements nested deeper than this are left out.
const MAX_DEPTH: usize = 64;

/// Why an element could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("{0}")]
    Syntax(String),
    #[error("it ends before it is whole")]
    Truncated,
    #[error("it has a document type")]
    DocumentType,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Members(Vec<(String, Node)>),
}

/// An element that has not ended.
#[derive(Debug, Default)]
struct Open {
    name: String,
    text: String,
    members: Vec<(String, Node)>,
}

/// The JSON of the first element.
pub fn to_json(element: &[u8]) -> Result<Vec<u8>, XmlError> {
    let mut json = Vec::with_capacity(element.len());
    write(&tree(&String::from_utf8_lossy(element))?, &mut json);
    Ok(json)
}

fn tree(text: &str) -> Result<Node, XmlError> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let mut open: Vec<Open> = Vec::new();
    // How deep we are in what is left out.
    let mut below: usize = 0;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| XmlError::Syntax(error.to_string()))?;
        match event {
            Event::Start(_) if open.len() == MAX_DEPTH => below += 1,
            Event::Start(start) => open.push(Open {
                name: start.name().as_ref().to_owned(),
                ..Open::default()
            }),
            Event::End(_) if below > 0 => below -= 1,
            Event::End(_) => {
                let Some(ended) = open.pop() else { continue };
                let (name, node) = ended.node();
                match open.last_mut() {
                    Some(parent) => parent.members.push((name, node)),
                    None => return Ok(node),
                }
            }
            Event::Text(text) => push(&mut open, below, &text),
            Event::CData(text) => push(&mut open, below, &text),
            Event::GeneralRef(reference) => push(&mut open, below, &resolved(&reference)),
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Eof => return Err(XmlError::Truncated),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn push(open: &mut [Open], below: usize, text: &str) {
    if let (Some(last), 0) = (open.last_mut(), below) {
        last.text.push_str(text);
    }
}

/// What `&…;` stands for; itself where nobody here knows it.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name: &str = reference;
    resolve_xml_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
}

impl Open {
    fn node(self) -> (String, Node) {
        let node = if self.members.is_empty() {
            Node::Text(self.text)
        } else {
            Node::Members(self.members)
        };
        (self.name, node)
    }
}

fn write(node: &Node, json: &mut Vec<u8>) {
    let members = match node {
        Node::Text(text) => return quote(text, json),
        Node::Members(members) => members,
    };
    json.push(b'{');
    for (nth, (name, nodes)) in grouped(members).iter().enumerate() {
        if nth > 0 {
            json.push(b',');
        }
        quote(name, json);
        json.push(b':');
        list(nodes, json);
    }
    json.push(b'}');
}

/// The members of each name, in the order in which the names first come.
fn grouped(members: &[(String, Node)]) -> Vec<(&str, Vec<&Node>)> {
    let mut groups: Vec<(&str, Vec<&Node>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (name, node) in members {
        let place = *places.entry(name).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(node);
    }
    groups
}

fn list(nodes: &[&Node], json: &mut Vec<u8>) {
    if let [only] = nodes {
        return write(only, json);
    }
    json.push(b'[');
    for (nth, node) in nodes.iter().enumerate() {
        if nth > 0 {
            json.push(b',');
        }
        write(node, json);
    }
    json.push(b']');
}

fn quote(text: &str, json: &mut Vec<u8>) {
    // Writing a text to memory does not fail.
    let _ = serde_json::to_writer(json, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(xml: &str) -> String {
        String::from_utf8(to_json(xml.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn an_element_is_what_json_would_have_said() {
        let cases = [
            ("<a/>", r#""""#),
            ("<a></a>", r#""""#),
            ("<a> x </a>", r#"" x ""#),
            ("<a><![CDATA[<b> & ]] \"x\"]]></a>", r#""<b> & ]] \"x\"""#),
            ("<a>1<!-- 2 -->3<?x 4?></a>", r#""13""#),
            ("<a>\n <b>1</b>\n <c/>\n</a>", r#"{"b":"1","c":""}"#),
            ("<a><b>1</b><c>x</c><b>2</b></a>", r#"{"b":["1","2"],"c":"x"}"#),
            ("<a><b><c>1</c></b></a>", r#"{"b":{"c":"1"}}"#),
            (
                "<a x=\"1\"><product-url>u</product-url></a>",
                r#"{"product-url":"u"}"#,
            ),
            ("<?xml version=\"1.0\"?>\n<a>1</a>", r#""1""#),
        ];
        for (xml, expected) in cases {
            assert_eq!(json(xml), expected, "{xml}");
        }
    }

    #[test]
    fn only_the_entities_of_xml_itself_are_resolved() {
        assert_eq!(
            json("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;</a>"),
            r#""<>&'\"A😀""#
        );
        assert_eq!(json("<a>&amp;amp;&nbsp;&lol;</a>"), r#""&amp;&nbsp;&lol;""#);
        assert_eq!(
            json("<a>AT&T & co &#0; &#xd800; &#99999999;</a>"),
            r#""AT&T & co &#0; &#xd800; &#99999999;""#
        );
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
        assert_eq!(to_json(bomb.as_bytes()), Err(XmlError::DocumentType));
        assert_eq!(to_json(b"<a><!DOCTYPE b []></a>"), Err(XmlError::DocumentType));
    }

    #[test]
    fn broken_bytes_spoil_their_own_text_alone() {
        assert_eq!(
            to_json(b"<a><b>caf\xe9</b><c>\xc3\xa9</c></a>").unwrap(),
            r#"{"b":"caf�","c":"é"}"#.as_bytes()
        );
    }

    #[test]
    fn what_is_no_element_is_an_error() {
        for xml in ["", "x", "<a>", "<a><b></a>", "<a", "<a></b>", "<a><![CDATA[</a>"] {
            assert!(to_json(xml.as_bytes()).is_err(), "{xml}");
        }
    }

    #[test]
    fn depth_is_cut_and_many_names_are_quick() {
        let deep = format!("<r>{}1{}</r>", "<a>".repeat(20_000), "</a>".repeat(20_000));
        assert_eq!(json(&deep).matches("{\"a\":").count(), MAX_DEPTH - 1);
        let many: String = (0..20_000).map(|i| format!("<a{i}/>")).collect();
        assert_eq!(json(&format!("<r>{many}</r>")).matches(':').count(), 20_000);
    }
}
