"""A login at PgBouncer: a machine's password and the salt of its SCRAM verifier, both made once and then kept."""

from __future__ import annotations

import pulumi
import pulumi_random as random

PASSWORD_LENGTH = 40
"""Characters out of 62: 238 bits, which nobody guesses, whatever the number of SCRAM iterations."""
SALT_BYTES = 16


class Login(pulumi.ComponentResource):
    """Owns the two random values; they change only when the login is made anew, so no run shows a diff.

    Outputs: `password` (secret), `salt` (base64).
    """

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Login", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(f"{name}-password", length=PASSWORD_LENGTH, special=False, opts=child)
        salt = random.RandomBytes(f"{name}-salt", length=SALT_BYTES, opts=child)
        self.password = password.result
        self.salt = salt.base64
        self.register_outputs({"password": self.password, "salt": self.salt})
