"""Makes a copy of the program with defects planted in it, one of which the environment's PLANTED chooses.

Usage: tests/faults/planted.py FOLDER: prints the path of the program that was built.

A copy, since a switch for tests has no place in what is shipped. Each place must be found once, or the copy is refused.
"""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "planted-stock-monitor"
IS = 'std::env::var("PLANTED").is_ok_and(|planted| planted == "%s")'
EDITS = [
    # Not to be mistaken for the program, though both use the same folder of compiled dependencies.
    ("Cargo.toml", '[[bin]]\nname = "whmcs-stock-monitor"', f'[[bin]]\nname = "{NAME}"'),
    ("Cargo.toml", 'default-run = "whmcs-stock-monitor"', f'default-run = "{NAME}"'),
    # A commit that does not wait for the disk.
    (
        "src/store/reader.rs",
        ".synchronous(SqliteSynchronous::Full)",
        ".synchronous(if %s { SqliteSynchronous::Off } else { SqliteSynchronous::Full })" % (IS % "synchronous_off"),
    ),
    # Marked as sent when it is claimed, before it is sent.
    (
        "src/jobs/deliver.rs",
        "        let claimed = claims.len();\n",
        "        let claimed = claims.len();\n        if %s {\n"
        "            let early: Vec<Settled> = claims.iter().map(|claim| Settled { delivery: claim.delivery, "
        "attempt: claim.attempts, settlement: Settlement::Sent { receipt: String::new() } }).collect();\n"
        "            self.store.settle(&early, clock()).await?;\n        }\n" % (IS % "mark_before_send"),
    ),
    # Sent within the transaction that records it, and committed afterwards.
    (
        "src/jobs/check.rs",
        "        tx.enqueue_at(queued, now).await?;\n        tx.commit().await\n",
        "        tx.enqueue_at(queued, now).await?;\n        if %s {\n            for message in queued {\n"
        "                let Some(channel) = self.telling.channels.iter().find(|one| one.name() == message.channel) "
        "else { continue };\n"
        "                let Ok(content) = serde_json::from_str::<crate::notify::content::Content>(&message.content) "
        "else { continue };\n"
        "                for recipient in &message.recipients {\n"
        "                    let outgoing = crate::notify::content::Outgoing { message_id: message.id, "
        "content: &content, recorded_at: message.recorded_at, now: message.recorded_at };\n"
        "                    let _ = channel.send(recipient, &outgoing).await;\n                }\n"
        "                sqlx::query(\"UPDATE outbox SET state = 'sent' WHERE message = "
        "(SELECT number FROM messages WHERE id = ?)\").bind(message.id.to_string()).execute(tx.conn()).await?;\n"
        "            }\n        }\n        tx.commit().await\n" % (IS % "send_before_commit"),
    ),
]


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    folder = pathlib.Path(sys.argv[1])
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, files.split("\0")):
        if name.startswith(("tests/", "docs/")) and not name.endswith(".rs"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / name
        if not source.exists() or (target.exists() and target.stat().st_mtime >= source.stat().st_mtime):
            continue
        shutil.copyfile(source, target)
    for name in dict.fromkeys(name for name, _, _ in EDITS):
        text = (ROOT / name).read_text()
        for _, old, new in (edit for edit in EDITS if edit[0] == name):
            if text.count(old) != 1:
                print(f"{name}: {old!r} stands there {text.count(old)} times, not once", file=sys.stderr)
                return 1
            text = text.replace(old, new)
        if not (folder / name).exists() or (folder / name).read_text() != text:
            (folder / name).write_text(text)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
    built = subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--bin", NAME], cwd=folder,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)}, stdout=sys.stderr,
    )
    if built.returncode != 0:
        return 1
    print(target / "debug" / NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
