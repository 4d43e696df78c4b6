"""What a request asks for is understood completely or refused; the signature is the documented one."""

from __future__ import annotations

import pytest
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy

from sandbox.arm.errors import ArmError
from sandbox.blob.operations import DELETE, READ, READ_CONTAINERS, READ_TAGS, WRITE, Wanted, understand
from sandbox.blob.shared_key import authorization


@pytest.mark.parametrize(
    ("method", "path", "query", "permission", "blob"),
    [
        ("GET", "/weather/runs/1.log", "", READ, "runs/1.log"),
        ("HEAD", "/weather/a%3Ab", "snapshot=1", READ, "a:b"),
        ("GET", "/weather", "restype=container&comp=list&prefix=runs%2F", READ, ""),
        ("GET", "/weather", "restype=container", READ_CONTAINERS, ""),
        ("PUT", "/weather/x", "", WRITE, "x"),
        ("PUT", "/weather/x", "comp=appendblock", WRITE, "x"),
        ("PUT", "/weather/x", "comp=block&blockid=YQ%3D%3D", WRITE, "x"),
        ("DELETE", "/weather/x", "", DELETE, "x"),
        ("GET", "/weather/x", "comp=tags", READ_TAGS, "x"),
    ],
)
def test_a_request_takes_the_permission_of_its_operation(
    method: str, path: str, query: str, permission: str, blob: str
) -> None:
    expected = Wanted("weather", blob, permission, data=permission != READ_CONTAINERS)
    assert understand(method, path, query, {}) == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "code"),
    [
        ("GET", "/weather/../mobility/x", "", "InvalidUri"),
        ("GET", "/weather/%2e%2e/mobility/x", "", "InvalidUri"),
        ("GET", "/weather/a%2f..%2f..%2fmobility/x", "", "InvalidUri"),
        ("GET", "/weather/./x", "", "InvalidUri"),
        ("GET", "/weather\\x", "", "InvalidUri"),
        ("GET", "//weather/x", "", "InvalidUri"),
        ("GET", "/wea%74her/x", "", "InvalidUri"),
        ("GET", "/Weather/x", "", "InvalidUri"),
        ("GET", "http://elsewhere/weather/x", "", "InvalidUri"),
        ("GET", "/weather/x", "comp=metadata&comp=list", "InvalidQueryParameterValue"),
        ("GET", "/weather/x", "comp[]=list", "InvalidQueryParameterValue"),
        ("GET", "/weather/x", "Comp=list", "InvalidQueryParameterValue"),
        ("GET", "/weather/x", "restype=container&comp=list", "NotImplemented"),
        ("GET", "/weather", "comp=list", "NotImplemented"),
        ("PUT", "/weather", "restype=container&comp=acl", "NotImplemented"),
        ("DELETE", "/weather", "restype=container", "NotImplemented"),
        ("POST", "/", "comp=batch", "NotImplemented"),
        ("POST", "/", "restype=service&comp=userdelegationkey", "NotImplemented"),
        ("GET", "/weather/x", "sv=2021&sig=abc", "KeyBasedAuthenticationNotPermitted"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(method: str, path: str, query: str, code: str) -> None:
    with pytest.raises(ArmError) as refused:
        understand(method, path, query, {})
    assert refused.value.code == code


def test_a_copy_is_refused_also_as_a_block() -> None:
    for query in ("", "comp=block&blockid=YQ%3D%3D", "comp=appendblock"):
        with pytest.raises(ArmError, match="NotImplemented"):
            understand("PUT", "/weather/x", query, {"x-ms-copy-source": "https://elsewhere/secret"})


def test_the_signature_is_that_of_the_client_library() -> None:
    """`azure-storage-blob` signs the same request with the same key."""
    headers = {
        "content-length": "5",
        "content-type": "text/plain",
        "if-none-match": "*",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-date": "Sat, 21 Nov 2026 08:00:00 GMT",
        "x-ms-meta-owner": "weather",
        "x-ms-version": "2021-10-04",
    }
    path, query = "/acc/weather/a%3Ab%20c/1.log", "timeout=5&comp=block&blockid=YQ%3D%3D"
    request = HttpRequest("PUT", f"https://acc.blob.core.windows.net{path}?{query}", headers=headers)
    policy = SharedKeyCredentialPolicy("acc", "a2V5a2V5")
    policy.on_request(PipelineRequest(request, PipelineContext(None)))
    own = authorization("acc", b"keykey", method="PUT", path=path, query=query, headers=headers)
    assert own == request.headers["Authorization"]
