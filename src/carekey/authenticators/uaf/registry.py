"""The FIDO registry of predefined values (sections 11.2 and 12).

Members bear the names of metadata version 3, in upper case, so that `Flag[name.upper()]` reads a statement.
A value with an unknown flag cannot be made: ValueError.
"""

from enum import STRICT, IntEnum, IntFlag

ASSERTION_SCHEME = "UAFV1TLV"


class Tag(IntEnum):
    """Tags of UAFV1TLV (section 11.2)."""

    REG_ASSERTION = 0x3E01
    AUTH_ASSERTION = 0x3E02
    KRD = 0x3E03
    SIGNED_DATA = 0x3E04
    ATTESTATION_CERT = 0x2E05
    SIGNATURE = 0x2E06
    ATTESTATION_BASIC_FULL = 0x3E07
    ATTESTATION_BASIC_SURROGATE = 0x3E08
    ATTESTATION_ECDAA = 0x3E09
    ATTESTATION_ATTCA = 0x3E0A
    ATTESTATION_NONE = 0x3E0B
    ATTESTATION_ANONCA = 0x3E0C
    KEYID = 0x2E09
    FINAL_CHALLENGE_HASH = 0x2E0A
    AAID = 0x2E0B
    PUB_KEY = 0x2E0C
    COUNTERS = 0x2E0D
    ASSERTION_INFO = 0x2E0E
    AUTHENTICATOR_NONCE = 0x2E0F
    TRANSACTION_CONTENT_HASH = 0x2E10
    EXTENSION = 0x3E11
    EXTENSION_NON_CRITICAL = 0x3E12
    EXTENSION_ID = 0x2E13
    EXTENSION_DATA = 0x2E14
    RAW_USER_VERIFICATION_INDEX = 0x0103
    USER_VERIFICATION_INDEX = 0x0104
    RAW_USER_VERIFICATION_STATE = 0x0105
    USER_VERIFICATION_STATE = 0x0106


class UserVerification(IntFlag, boundary=STRICT):
    """How the authenticator verifies its user. Without ALL, several mean "any one of" (section 12.1)."""

    PRESENCE_INTERNAL = 0x0001
    FINGERPRINT_INTERNAL = 0x0002
    PASSCODE_INTERNAL = 0x0004
    VOICEPRINT_INTERNAL = 0x0008
    FACEPRINT_INTERNAL = 0x0010
    LOCATION_INTERNAL = 0x0020
    EYEPRINT_INTERNAL = 0x0040
    PATTERN_INTERNAL = 0x0080
    HANDPRINT_INTERNAL = 0x0100
    NONE = 0x0200
    ALL = 0x0400
    PASSCODE_EXTERNAL = 0x0800
    PATTERN_EXTERNAL = 0x1000


class KeyProtection(IntFlag, boundary=STRICT):
    SOFTWARE = 0x0001
    HARDWARE = 0x0002
    TEE = 0x0004
    SECURE_ELEMENT = 0x0008
    REMOTE_HANDLE = 0x0010


class MatcherProtection(IntFlag, boundary=STRICT):
    SOFTWARE = 0x0001
    TEE = 0x0002
    ON_CHIP = 0x0004


class AttachmentHint(IntFlag, boundary=STRICT):
    INTERNAL = 0x0001
    EXTERNAL = 0x0002
    WIRED = 0x0004
    WIRELESS = 0x0008
    NFC = 0x0010
    BLUETOOTH = 0x0020
    NETWORK = 0x0040
    READY = 0x0080
    WIFI_DIRECT = 0x0100


class TcDisplay(IntFlag, boundary=STRICT):
    """Who shows a transaction that is to be confirmed (section 12.5)."""

    ANY = 0x0001
    PRIVILEGED_SOFTWARE = 0x0002
    TEE = 0x0004
    HARDWARE = 0x0008
    REMOTE = 0x0010


class SignatureAlgorithm(IntEnum):
    SECP256R1_ECDSA_SHA256_RAW = 0x01
    SECP256R1_ECDSA_SHA256_DER = 0x02
    RSASSA_PSS_SHA256_RAW = 0x03
    RSASSA_PSS_SHA256_DER = 0x04
    SECP256K1_ECDSA_SHA256_RAW = 0x05
    SECP256K1_ECDSA_SHA256_DER = 0x06
    SM2_SM3_RAW = 0x07
    RSA_EMSA_PKCS1_SHA256_RAW = 0x08
    RSA_EMSA_PKCS1_SHA256_DER = 0x09
    RSASSA_PSS_SHA384_RAW = 0x0A
    RSASSA_PSS_SHA512_RAW = 0x0B
    RSASSA_PKCSV15_SHA256_RAW = 0x0C
    RSASSA_PKCSV15_SHA384_RAW = 0x0D
    RSASSA_PKCSV15_SHA512_RAW = 0x0E
    RSASSA_PKCSV15_SHA1_RAW = 0x0F
    SECP384R1_ECDSA_SHA384_RAW = 0x10
    SECP521R1_ECDSA_SHA512_RAW = 0x11
    ED25519_EDDSA_SHA512_RAW = 0x12
    ED448_EDDSA_SHA512_RAW = 0x13


class KeyFormat(IntEnum):
    ECC_X962_RAW = 0x0100
    ECC_X962_DER = 0x0101
    RSA_2048_RAW = 0x0102
    RSA_2048_DER = 0x0103
    COSE = 0x0104


class AttestationType(IntEnum):
    """Numbers of metadata version 2, which are the tags of the attestation elements."""

    BASIC_FULL = 0x3E07
    BASIC_SURROGATE = 0x3E08
    ECDAA = 0x3E09
    ATTCA = 0x3E0A
    NONE = 0x3E0B
    ANONCA = 0x3E0C
