"""Create the Secrets that WANTED lists, with random words in them; those that exist stay as they are.

WANTED is JSON, `[{"name": ..., "data": {key: text}}]`; in a text `${short}` is 12 letters and digits, any other
`${word}` 43 characters that a URL may hold, the same wherever one Secret repeats the word.
"""

import json
import os
import secrets
import string
import sys

from cluster import call

CREATED, EXISTS = 201, 409


class Words(dict):
    """A random word for each name, made when it is first asked for."""

    def __missing__(self, name):
        self[name] = secrets.token_hex(6) if name == "short" else secrets.token_urlsafe(32)
        return self[name]


def main():
    """0 when every Secret is there."""
    namespace = os.environ["NAMESPACE"]
    for wanted in json.loads(os.environ["WANTED"]):
        words = Words()
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            # Not the release's labels: whoever prunes by them would take the passwords along.
            "metadata": {"name": wanted["name"], "labels": {"app.kubernetes.io/part-of": "windrow"}},
            "type": "Opaque",
            "stringData": {
                key: string.Template(text).substitute(words) for key, text in wanted["data"].items()
            },
        }
        status, answer = call("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
        if status not in (CREATED, EXISTS):
            sys.stderr.write(
                f"Secret {wanted['name']} could not be created: {status} {answer.get('message')}\n"
            )
            return 1
        sys.stdout.write(
            f"Secret {wanted['name']} {'created' if status == CREATED else 'is there already'}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
