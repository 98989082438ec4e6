"""Signs a hint as the standardwebhooks package does.

Arguments: the secret (whsec_…), the id, the time in seconds since 1970, the body. Prints the signature.
"""
import datetime
import sys

from standardwebhooks.webhooks import Webhook

secret, identifier, seconds, body = sys.argv[1:]
when = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
print(Webhook(secret).sign(identifier, when, body))
