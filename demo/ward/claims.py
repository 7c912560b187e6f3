"""What each claim means, in a sentence, for people who look at the tokens."""

MEANINGS = {
    "iss": "Who issued this: compare it character for character with the issuer you configured.",
    "sub": "The person, by their national 12-digit user number. Key your records on this.",
    "aud": "For which application: yours, or do not accept it.",
    "azp": "The application that asked.",
    "exp": "Not to be accepted from this moment on.",
    "iat": "When the token was made.",
    "auth_time": "When the person gave the last factor.",
    "nonce": "The random value that you sent: ties the token to this browser's log-in.",
    "acr": "The class of log-in, of those you asked for, that was reached.",
    "amr": "How the person proved it.",
    "authentication_assurance_level": "How strongly it was proven: 2 is high, 3 is very high.",
    "id_assurance_level": "How well the person's identity was checked when they registered: 3 is best.",
    "idassurancelevel": "The same as id_assurance_level, under its older name.",
    "selected_roleid": "The role that the person acts in now: look it up among the roles of userinfo.",
    "sid": "The provider's session: a later log-out notice names it.",
    "at_hash": "Ties the access token to this ID token.",
    "c_hash": "Ties the code to this ID token.",
    "jti": "The name of this ID token, of which there is no other.",
    "s_hash": "Ties your state to this ID token.",
    "subname": "The same as sub (an extra of CIS2's product).",
    "auditTrackingId": "By which the provider finds this in its records (an extra of CIS2's product).",
    "realm": "The issuer's name inside CIS2's product.",
    "tokenName": "The token's kind (an extra of CIS2's product).",
    "tokenType": "The token's form (an extra of CIS2's product).",
    "org.forgerock.openidconnect.ops": "A handle for the session (an extra of CIS2's product).",
    "typ": "That it is a JWT.",
    "alg": "How it is signed: accept only what you expect.",
    "kid": "Which of the provider's published keys signed it.",
    "uid": "The same as sub.",
    "nhsid_useruid": "The same as sub.",
    "name": "The person's name.",
    "given_name": "First name.",
    "family_name": "Last name.",
    "middle_names": "Middle names.",
    "initials": "Initials.",
    "title": "Title.",
    "display_name": "The name as the directory shows it.",
    "email": "Email address at work.",
    "nhsid_nrbac_roles": "Every role of the person: organisation, job role, activities, workgroups.",
    "nhsid_user_orgs": "Names of the organisations that the roles are at.",
    "nhsid_org_memberships": "The organisations that the person belongs to.",
    "nhsid_org_roles": "The organisations that the person has a role at.",
    "gmc_id": "General Medical Council number.",
    "gdc_id": "General Dental Council number.",
    "gmp_id": "General medical practitioner code.",
    "gdp_id": "General dental practitioner code.",
    "consultant_id": "Consultant code.",
    "rcn_id": "Royal College of Nursing number.",
    "nmc_id": "Nursing and Midwifery Council number.",
    "gphc_id": "General Pharmaceutical Council number.",
    "access_token": "Opens userinfo for this application. It has no parts to read: treat it as a random string.",
    "token_type": "How to send the access token: in the Authorization header, after the word Bearer.",
    "expires_in": "Seconds that the access token lives from now.",
    "scope": "What was granted.",
    "id_token": "Who logged in and how, signed.",
}

AMR = {
    "FIDO2": "security key or built-in sensor",
    "PASSKEY": "passkey",
    "N3_SMARTCARD": "smartcard",
    "CIS2_SMARTCARD": "smartcard",
    "IOS": "phone or tablet app",
    "UAF": "phone or tablet",
    "TOTP": "authenticator app",
    "NHSMAIL": "NHS.net Connect",
    "pwd": "password",
}

SECURITY = {1: "basic", 2: "high", 3: "very high"}


def meaning(name: str) -> str:
    return MEANINGS.get(name, "")


def role_title(role_name: str) -> str:
    """The job role: the last of the three names, without its quotes."""
    return role_name.rsplit('":"', 1)[-1].strip('"')
