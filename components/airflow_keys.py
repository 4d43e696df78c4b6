"""The keys with which Airflow encrypts and signs, made once per stack."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_random as random

FERNET_BYTES = 32
"""AES-128 key and HMAC key together, as Fernet's specification says."""
KEY_LENGTH = 64
PASSWORD_LENGTH = 24


@dataclass(frozen=True, kw_only=True)
class AirflowKeysArgs:
    administrator: bool
    """Whether there is a user `admin` with a password."""
    protect: bool
    """The engine refuses to delete the Fernet key: without it no stored connection can be read again."""


class AirflowKeys(pulumi.ComponentResource):
    """Owns the random values.

    Outputs, all secret: `fernet_key` (URL-safe base64), `api_secret_key`, `jwt_secret`, `admin_password` (None without
    an administrator).
    """

    def __init__(self, name: str, args: AirflowKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:AirflowKeys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        fernet = random.RandomBytes(
            f"{name}-fernet",
            length=FERNET_BYTES,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.fernet_key = fernet.base64.apply(lambda text: text.replace("+", "-").replace("/", "_"))
        self.api_secret_key, self.jwt_secret = (
            random.RandomPassword(f"{name}-{purpose}", length=KEY_LENGTH, special=False, opts=child).result
            for purpose in ("api", "jwt")
        )
        self.admin_password = (
            random.RandomPassword(f"{name}-admin", length=PASSWORD_LENGTH, special=False, opts=child).result
            if args.administrator
            else None
        )
        self.register_outputs({})
