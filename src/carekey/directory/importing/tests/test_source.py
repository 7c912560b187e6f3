import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.directory.importing.row import Kind, RowError
from carekey.directory.importing.source import Source, SourceError


def a_file(folder, content, name="people.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, kind=Kind.PEOPLE, **start: int):
    found = []
    with Source(path, kind) as source:
        for line in source.lines(**start):
            try:
                found.append(dict(source.values(line)))
            except RowError as error:
                found.append(str(error))
    return found


HEADING = "id,family_name\n"
ANN = {"id": "1", "family_name": "Ann"}
BOB = {"id": "2", "family_name": "Bob"}


@pytest.mark.parametrize(
    "content",
    [
        "id,family_name\n1,Ann\n2,Bob\n",
        "\ufeffID, Family_Name\r\n1,Ann\r\n\r\n2,Bob",
        'id,family_name\n"1","Ann",,\n2,Bob\n   \n',
        "error,id,family_name\nwas wrong,1,Ann\n,2,Bob\n",
    ],
)
def test_one_line_is_one_row(tmp_path, content):
    assert read(a_file(tmp_path, content)) == [ANN, BOB]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'1,"Ann', "this line has a quotation mark that does not belong"),
        (b'1,"Ann"x', "this line has a quotation mark that does not belong"),
        (b"1", "this line has 1 values for 2 columns"),
        (b"1,Ann,more", "this line has 3 values for 2 columns"),
        (b"1,Zo\xeb", "this line is not UTF-8"),
        (b"1," + b"x" * 70_000, "this line is longer than 65536 bytes"),
        (b"1," + b"x" * 200_000, "this line is longer than 65536 bytes"),
    ],
)
def test_a_broken_line_spoils_itself_alone(tmp_path, line, why):
    assert read(a_file(tmp_path, HEADING.encode() + b"1,Ann\n" + line + b"\n2,Bob\n")) == [ANN, why, BOB]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "this line is not JSON"),
        ("[1]", "this line is not a JSON object"),
        ("[" * 60_000, "this line is not JSON"),
    ],
)
def test_a_broken_json_line_spoils_itself_alone(tmp_path, line, why):
    path = a_file(
        tmp_path, '{"id":"1","family_name":"Ann"}\n' + line + '\n{"id":"2","family_name":"Bob"}', "people.jsonl"
    )
    assert read(path) == [ANN, why, BOB]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "there is no column id; people need id, family_name"),
        ("id,familyname\n", "there is no column family_name"),
        ("id,family_name,emial\n", "column 'emial' is not known; did you mean email?"),
        ("id,family_name,zzz\n", "column 'zzz' is not known; known columns are id, family_name, given_name"),
        ("id,family_name,id\n", "column id stands twice"),
        (b"id,family_name\xff\n", "the heading of people.csv cannot be read"),
        ('id,"family_name\n', "the heading of people.csv cannot be read"),
    ],
)
def test_a_wrong_heading_is_refused_as_a_whole(tmp_path, content, why):
    with pytest.raises(SourceError) as caught:
        read(a_file(tmp_path, content))
    assert str(caught.value).startswith(why)


def test_a_file_that_is_not_there_or_of_another_sort_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"none\.csv cannot be read: No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(SourceError, match=r"people\.xlsx is neither \.csv nor \.jsonl"):
        read(tmp_path / "people.xlsx")


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_wrote_is_read_back(tmp_path_factory, names, ending):
    content = io.StringIO()
    writer = csv.writer(content, lineterminator=ending)
    writer.writerow(["id", "family_name"])
    writer.writerows([str(number), name] for number, name in enumerate(names))
    path = a_file(tmp_path_factory.mktemp("csv"), content.getvalue())
    assert read(path) == [{"id": str(number), "family_name": name} for number, name in enumerate(names)]


@given(st.binary(max_size=400), st.booleans())
def test_reading_goes_on_from_the_end_of_any_line(tmp_path_factory, content, is_csv):
    name = "people.csv" if is_csv else "people.jsonl"
    path = a_file(tmp_path_factory.mktemp("any"), (HEADING.encode() if is_csv else b"") + content, name)
    with Source(path, Kind.PEOPLE) as source:
        lines = list(source.lines())
        for index, line in enumerate(lines):
            assert list(source.lines(start=line.end, number=line.number)) == lines[index + 1 :]


@given(st.binary(max_size=60).filter(lambda raw: raw.strip() and not set(raw) & set(b"\r\n")))
def test_a_line_of_the_file_of_errors_holds_the_line_as_it_came(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("errors")
    error = RowError()
    again = HEADING.encode() + raw
    for name in ("first.csv", "fed-back.csv"):
        path = a_file(folder, again, name)
        with Source(path, Kind.PEOPLE) as source:
            (line,) = source.lines()
            again = source.heading_with_error() + source.line_with_error(line, error)
            assert again == b'error,id,family_name\n"",' + raw + b"\n"
