"""National names of role, activity and area codes, as far as they are published (cis2-profile section 7.9).

A convenience, not a rule: a code that is not here is as good as one that is, it only has to bring its name.
"""

from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    code: ":".join(f'"{part}"' for part in (group, sub_group, title))
    for code, group, sub_group, title in (
        ("S0010:G0020:R0050", "Medical and Dental", "Medical", "Consultant"),
        ("S0010:G0020:R0260", "Medical and Dental", "Medical", "General Medical Practitioner"),
        ("S0010:G0020:R0270", "Medical and Dental", "Medical", "Salaried General Practitioner"),
        ("S0010:G0020:R6300", "Medical and Dental", "Medical", "Sessional GP"),
        ("S0030:G0100:R0600", "Nursing and Midwifery", "Nursing", "Specialist Nurse Practitioner"),
        ("S0030:G0100:R0620", "Nursing and Midwifery", "Nursing", "Staff Nurse"),
        ("S8000:G8000:R8000", "Clinical", "Clinical Provision", "Clinical Practitioner Access Role"),
        ("S8000:G8000:R8001", "Clinical", "Clinical Provision", "Nurse Access Role"),
        ("S8000:G8000:R8002", "Clinical", "Clinical Provision", "Nurse Manager Access Role"),
        ("S8000:G8000:R8003", "Clinical", "Clinical Provision", "Health Professional Access Role"),
        ("S8000:G8000:R8004", "Clinical", "Clinical Provision", "Healthcare Student Access Role"),
        ("S8000:G8001:R8006", "Clinical", "Clinical Support", "Medical Secretary Access Role"),
        ("S8001:G8002:R8008", "Support", "Support", "Admin/Clinical Support Access Role"),
        ("S8001:G8005:R8015", "Support", "Systems Support", "Systems Support Access Role"),
        ("S8002:G8003:R0001", "Admin and Clerical", "Admin and Clerical", "Privacy Officer"),
        ("S0080:G0450:R5080", "Admin & Clerical", "Management - A & C", "Registration Authority Manager"),
        ("S0080:G0440:R5090", "Admin & Clerical", "Admin", "Registration Authority Agent"),
        ("S0080:G0440:R5110", "Admin & Clerical", "Admin", "Demographic Administrator"),
    )
}

ACTIVITIES: Mapping[str, str] = {
    "B0015": "Receive Legal Override and Emergency View Alerts",
    "B0016": "Receive Self Claimed LR Alerts",
    "B0018": "Receive Sealing Alerts",
    "B0028": "Manage Allergies",
    "B0030": "Record a Patient's Self Referral",
    "B0058": "Nurse Prescribers Formulary (NPF) Prescribing",
    "B0062": "Local System Administration",
    "B0068": "Verify Prescription",
    "B0090": "Manage Workgroup Membership",
    "B0098": "Perform Extended Person Trace",
    "B0267": "RA ID checker",
    "B0278": "Perform Prescription Preparation",
    "B0360": "View Detailed Health Records",
    "B0380": "Perform Detailed Health Record",
    "B0401": "View Patient Medication",
    "B0420": "Independent Prescribing",
    "B0428": "Personal Medication Administration",
    "B0560": "Perform Patient Administration",
    "B0570": "Perform Pharmacy Activities",
    "B0572": "Manage Pharmacy Activities",
    "B0825": "Amend Patient Demographics",
    "B1300": "Approve RA Requests",
    "B1570": "View Shared Non Patient Identifiable Information",
    "B1611": "Access Sensitive(S) Flagged Records",
    "B1680": "Manage Patient Duplicate Records",
    "B8028": "Verify Health Records",
}

AREAS_OF_WORK: Mapping[str, str] = {"P0020:Q0300:T0640": '"Pathology":"Pathology":"Phlebotomy"'}
