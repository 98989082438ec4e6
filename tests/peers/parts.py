"""Takes a mail apart with Python's own parser, as a mail program would.

Argument: a folder. Reads the mail from standard input; writes each part to the folder, and the HTML with its pictures beside
it (page.html). Prints JSON: {"tree", "defects", "headers": [names], "cids": attached, "referenced": by the HTML,
"files": [{"name", "type", "bytes"}], "text", "html_bytes"}.
"""
import email
import email.policy
import json
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
defects, cids, files = [], {}, []


def tree(part):
    defects.extend(repr(defect) for defect in part.defects)
    kind = part.get_content_type()
    if part.is_multipart():
        return [kind, *(tree(inner) for inner in part.iter_parts())]
    cid = part["Content-ID"]
    if cid:
        cids[cid.strip("<>")] = part
    if part.get_content_disposition() == "attachment":
        files.append({"name": part.get_filename(), "type": kind, "bytes": len(part.get_payload(decode=True))})
        (folder / "attached").write_bytes(part.get_payload(decode=True))
    return kind


shape = tree(mail)
html = mail.get_body(("html",)).get_content()
text = mail.get_body(("plain",)).get_content()
referenced = re.findall(r'src="cid:([^"]*)"', html)
for place, (cid, part) in enumerate(cids.items()):
    name = f"picture-{place}.png"
    (folder / name).write_bytes(part.get_payload(decode=True))
    html = html.replace(f'src="cid:{cid}"', f'src="{name}"')
(folder / "page.html").write_text(html, encoding="utf-8")
print(json.dumps({
    "tree": shape, "defects": defects, "headers": mail.keys(), "cids": list(cids), "referenced": referenced, "files": files,
    "text": text, "html_bytes": len(mail.get_body(("html",)).get_content().encode()),
}))
