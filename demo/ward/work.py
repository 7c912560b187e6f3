"""Made-up work, so that there is something to log in for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sensitive: str
    """A deed that wants very high security."""
    done: str


WORK = {
    "ward": Work(
        "Patients",
        ("Bed", "Patient", "Next"),
        (
            ("1", "Edwin Ashdown", "Observations at 2pm"),
            ("2", "Mabel Okafor", "Dressing"),
            ("3", "Priya Lindqvist", "Going home today"),
            ("4", "Tomasz Verity", "Antibiotics at 6pm"),
        ),
        "Sign the drug round",
        "You signed the drug round.",
    ),
    "pharmacy": Work(
        "Prescriptions",
        ("Number", "Patient", "Waiting for"),
        (
            ("1042", "Mabel Okafor", "Check"),
            ("1043", "Priya Lindqvist", "Collection"),
            ("1044", "Tomasz Verity", "Controlled drug release"),
        ),
        "Release a controlled drug",
        "You released a controlled drug.",
    ),
}
