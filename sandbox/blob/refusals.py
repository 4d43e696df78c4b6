"""How Blob Storage says no: XML, and the code once more as a header. Source: Blob service error codes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import Response

from sandbox.arm.errors import Refusal

NO_CREDENTIAL: Final = Refusal(
    401,
    "NoAuthenticationInformation",
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
)
TOKEN_REFUSED: Final = Refusal(
    401,
    "InvalidAuthenticationInfo",
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header. "
    "{reason}",
)
NO_KEYS: Final = Refusal(
    403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account."
)
NOT_PERMITTED: Final = Refusal(
    403,
    "AuthorizationPermissionMismatch",
    "This request is not authorized to perform this operation using this permission.",
)
NO_CONTAINER: Final = Refusal(404, "ContainerNotFound", "The specified container does not exist.")
CONTAINER_EXISTS: Final = Refusal(409, "ContainerAlreadyExists", "The specified container already exists.")
NO_ACCOUNT: Final = Refusal(404, "ResourceNotFound", "The specified account does not exist.")
BAD_URI: Final = Refusal(400, "InvalidUri", "The requested URI does not represent any resource on the server.")
BAD_QUERY: Final = Refusal(
    400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid."
)
NOT_IMPLEMENTED: Final = Refusal(
    501, "NotImplemented", "The requested operation is not implemented on the specified resource."
)
NO_LENGTH: Final = Refusal(411, "MissingContentLengthHeader", "The Content-Length header was not specified.")
BUSY: Final = Refusal(503, "ServerBusy", "The server is currently unable to receive requests. Please retry.")


def answer(status: int, code: str, message: str, *, head: bool, tenant: str) -> Response:
    """The refusal as an HTTP answer; one of status 401 says where tokens are to be had."""
    number = str(uuid.uuid4())
    text = f"{message}\nRequestId:{number}\nTime:{datetime.now(UTC).isoformat()}"
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{escape(code)}</Code>'
        f"<Message>{escape(text)}</Message></Error>"
    )
    headers = {"x-ms-error-code": code, "x-ms-request-id": number}
    if status == 401:
        where = f"https://login.microsoftonline.com/{tenant}/oauth2/authorize"
        headers["WWW-Authenticate"] = f"Bearer authorization_uri={where} resource_id=https://storage.azure.com"
    return Response(None if head else body, status, headers=headers, media_type="application/xml")
