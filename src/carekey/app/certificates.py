"""Files of certificates that settings name."""

from pathlib import Path

from cryptography import x509

from carekey.app.settings import SettingsError


def read(file: str, setting: str) -> tuple[x509.Certificate, ...]:
    """Those of a PEM file, at least one. `setting`: the one that names it. Raises: SettingsError."""
    try:
        return tuple(x509.load_pem_x509_certificates(Path(file).read_bytes()))
    except OSError as error:
        raise SettingsError(f"{setting}: {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SettingsError(f"{setting}: {file} holds no PEM certificate.") from None
