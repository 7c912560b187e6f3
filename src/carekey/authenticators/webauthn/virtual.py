"""Models that are made for tests. Their attestation keys are public, so their attestation proves nothing at all."""

from carekey.authenticators.webauthn.metadata import Certification, Model

CHROMIUM = Model(
    aaguid="01020304-0506-0708-0102-030405060708",
    description="Virtual authenticator of Chromium",
    roots=(),
    # In Chromium's source for all to read; it signs a new certificate at each registration.
    keys=(
        bytes.fromhex(
            "3059301306072a8648ce3d020106082a8648ce3d030107034200048d617e65c9508e64bcc5673ac82a6799da3c1446682c258c46"
            "3fffdf58dfd2fa3e6c378b53d795c4a4dffb4199edd7862f23abaf0203b4b8911ba0569994e101"
        ),
    ),
    certification=Certification.L2,
    hardware=True,
)

TEST_MODELS = (CHROMIUM,)
TEST_AAGUIDS = frozenset(model.aaguid for model in TEST_MODELS)
"""Refused wherever real people log in, whatever the metadata says of them."""
