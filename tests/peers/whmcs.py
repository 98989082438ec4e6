"""A WHMCS API of another make: it speaks as the real one does, in Python's own HTTP server.

Prints the port it listens on. POST /includes/api.php is the API; POST /control changes the shop
({"products": [{"pid": 1, "name": "…", "qty": 3}, …]}, or {"qty": {"1": 0}}); GET /control tells what was asked and served.
"""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

IDENTIFIER, SECRET = "peer-identifier", "peer-secret"
lock = threading.Lock()
shop = {"products": [], "asked": [], "served": []}


def product(entry):
    """One element of GetProducts as WHMCS 8.12 sends it."""
    return {
        "pid": entry["pid"],
        "gid": entry.get("gid", 1),
        "type": "server",
        "name": entry["name"],
        "slug": "p-%d" % entry["pid"],
        "product-url": "https://shop.example/store/p-%d" % entry["pid"],
        "description": "<b>Fast</b>\r\nand near",
        "module": "",
        "paytype": "recurring",
        "allowqty": 0,
        "quantity_available": entry["qty"],
        "pricing": {"EUR": {"prefix": "", "suffix": " EUR", "msetupfee": "0.00", "monthly": "49.00", "annually": "-1.00"}},
        "customfields": {"customfield": []},
        "configoptions": {"configoption": []},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, {"asked": shop["asked"], "served": shop["served"]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.path == "/control":
            return self.control(json.loads(body))
        if self.path != "/includes/api.php":
            return self.answer(404, {"result": "error", "message": "no such page"})
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if form.get("identifier") != IDENTIFIER:
            return self.answer(403, {"result": "error", "message": "Invalid or missing credentials"})
        if form.get("secret") != SECRET:
            return self.answer(403, {"result": "error", "message": "Authentication Failed"})
        action = form.get("action", "")
        with lock:
            shop["asked"].append(action)
            if action.lower() != "getproducts":
                message = 'Invalid API Action: "%s" is not a valid API action' % action.lower()
                return self.answer(200, {"result": "error", "message": message})
            products = [product(entry) for entry in shop["products"]]
            shop["served"].append({str(entry["pid"]): entry["qty"] for entry in shop["products"]})
        self.answer(200, {"result": "success", "totalresults": len(products), "products": {"product": products}})

    def control(self, change):
        with lock:
            if "products" in change:
                shop["products"] = change["products"]
            for entry in shop["products"]:
                if str(entry["pid"]) in change.get("qty", {}):
                    entry["qty"] = change["qty"][str(entry["pid"])]
        self.answer(200, {"ok": True})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
