"""Tables are read strictly and encoded as the training rows say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zoo.data import Dataset, Table, load_data
from zoo.data.table_encoding import Categorical, Numeric
from zoo.errors import ArgumentError, DataError


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def houses(path: Path, count: int = 50) -> Path:
    rows = (
        f"{index},{'' if index % 7 == 0 else index * 2},{'sea' if index % 2 else 'land'},{index}.5"
        for index in range(count)
    )
    return write(path, "rooms,beds,place,price", *rows)


def test_a_numeric_target_is_a_regression_with_targets_as_they_are(tmp_path: Path) -> None:
    data = load_data(houses(tmp_path / "houses.csv"), target="price")
    assert (data.name, data.task, data.class_names) == ("houses", "regression", ())
    assert [len(split) for split in data.splits.values()] == [30, 10, 10]
    assert data.table.feature_names == ("rooms", "beds", "place=land", "place=sea")
    targets = np.concatenate([split.labels for split in data.splits.values()])
    assert targets.dtype == np.float32
    assert sorted(targets.tolist()) == [index + 0.5 for index in range(50)]


def test_everything_is_fitted_on_the_training_rows(tmp_path: Path) -> None:
    data = load_data(houses(tmp_path / "houses.csv"), target="price")
    rooms, beds = data.table.columns[:2]
    values = data.train.labels - 0.5
    known = values[values % 7 != 0] * 2
    filled = np.where(values % 7 != 0, values * 2, np.median(known))
    assert (rooms.mean, rooms.std) == pytest.approx((values.mean(), values.std()))
    assert (beds.median, beds.mean, beds.std) == pytest.approx((np.median(known), filled.mean(), filled.std()))
    np.testing.assert_allclose(data.train.inputs[:, 1], (filled - filled.mean()) / filled.std(), rtol=1e-5)
    tested = data.test.labels - 0.5
    np.testing.assert_allclose(data.test.inputs[:, 0], (tested - values.mean()) / values.std(), rtol=1e-5)
    np.testing.assert_array_equal(data.test.inputs[:, 3], tested % 2)


def test_a_target_of_words_is_a_classification(tmp_path: Path) -> None:
    data = load_data(houses(tmp_path / "houses.csv"), target="place", drop=("rooms", "price"))
    assert (data.task, data.class_names) == ("classification", ("land", "sea"))
    assert data.table.feature_names == ("beds",)
    assert data.train.labels.dtype == np.int64
    assert np.bincount(data.validation.labels).tolist() == [5, 5]


def test_codes_can_be_declared_words(tmp_path: Path) -> None:
    path = write(tmp_path / "codes.csv", "zip,x,y", *(f"{1000 + index % 3},{index},{index % 2}" for index in range(30)))
    data = load_data(path, target="y", categorical=("zip",), task="classification")
    assert data.class_names == ("0", "1")
    assert data.table.feature_names == ("zip=1000", "zip=1001", "zip=1002", "x")


def test_identical_rows_stay_on_one_side(tmp_path: Path) -> None:
    path = write(tmp_path / "twice.csv", "x,y", *(f"{index // 2},{index // 2}" for index in range(60)))
    for seed in range(5):
        data = load_data(path, target="y", seed=seed)
        sides = [set(split.labels.tolist()) for split in data.splits.values()]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 30


def test_unknown_words_are_all_zero_and_gaps_are_the_median() -> None:
    table = Table("y", (Numeric("a", 3.0, 1.0, 2.0), Categorical("b", ("u", "v")), Numeric("c", 5.0, 5.0, 0.0)))
    rows = [{"a": "", "b": " v", "c": "9"}, {"a": "5", "b": "w", "c": "NaN", "y": "ignored"}]
    encoded = table.encode(rows)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[1.0, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 0.0]]
    assert table.encode([]).shape == (0, 4)


def test_a_table_survives_json() -> None:
    table = Table("y", (Numeric("a", 3.0, 1.0, 2.0), Categorical("b", ("u", "v"))))
    assert Table.from_dict(json.loads(json.dumps(table.as_dict()))) == table
    with pytest.raises(DataError, match="the description is damaged"):
        Table.from_dict({"target": "y", "columns": [{"name": "a"}]})


def test_rows_that_do_not_fit_the_table_are_refused() -> None:
    table = Table("y", (Numeric("a", 3.0, 1.0, 2.0), Categorical("b", ("u", "v"))))
    with pytest.raises(DataError, match="row 2 has no text for b"):
        table.encode([{"a": "1", "b": "u"}, {"a": "1"}])
    with pytest.raises(DataError, match="'many' in column 'a' of row 1 is not a number"):
        table.encode([{"a": "many", "b": "u"}])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["a,y", "1,2", "3"], "line 3 has 1 fields, but the header has 2"),
        (["a,y", '"two', 'lines",1', "3"], "line 4 has 1 fields"),
        (["a,y"], "it has no rows"),
        ([], "it is empty"),
        (["a,a,y", "1,2,3"], "its header repeats a name or leaves one out: a"),
        (["a,,y", "1,2,3"], r"\(no name\)"),
        (["a,y", "1,2", "2,", "3,NA"], "missing in 2 rows, the first in line 3"),
        (["a,y", "1,2", "2,3", "3,4", "x,5"], "'x' in column 'a' of line 5 is not a number"),
        (["a,y", "1,2", "2,3", "inf,4"], "'inf' in column 'a' of line 4"),
        (["a,y", "1,2", "2,3", "1,x"], "'x' in column 'y' of line 4"),
        (["a,z", "1,2"], "there is no column 'y' among a, z"),
        (["a,y", "1,u", "2,u"], "the target 'y' is 'u' in every row"),
        (["a,y", "1e308,1", "-1e308,2", "1e308,3"], "too large to be standardised"),
    ],
)
def test_a_file_that_is_no_good_table_is_refused(tmp_path: Path, lines: list[str], found: str) -> None:
    with pytest.raises(DataError, match=found):
        load_data(write(tmp_path / "bad.csv", *lines), target="y", validation=0, test=0)


def test_a_misspelt_column_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'price'"):
        load_data(houses(tmp_path / "houses.csv"), target="prices")


def test_a_column_of_names_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "names.csv", "name,y", *(f"n{index},{index}" for index in range(1_500)))
    with pytest.raises(DataError, match=r"has 1,500 different words.*drop=\('name',\)"):
        load_data(path, target="y", validation=0, test=0)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("ort,y\nKöln,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="it is not a CSV file"):
        load_data(tmp_path / "latin.csv", target="y")


def test_a_file_without_a_target_or_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"not named; .* pass target='price', .* --data-option target=price"):
        load_data(houses(tmp_path / "houses.csv"))
    with pytest.raises(DataError, match="no such file"):
        load_data("houses_that_are_not_there.csv", target="price")


@pytest.fixture(scope="module")
def california(shared: Path) -> Dataset:
    return load_data("california_housing", path=shared / "data" / "california_housing.csv")


def test_california_housing_has_thirteen_features(california: Dataset) -> None:
    assert california.task == "regression"
    assert [len(split) for split in california.splits.values()] == [12_384, 4_128, 4_128]
    assert california.train.inputs.shape == (12_384, 13)
    assert california.table.feature_names[:2] == ("longitude", "latitude")
    assert california.table.feature_names[8:] == tuple(
        f"ocean_proximity={place}" for place in ("<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN")
    )
    np.testing.assert_allclose(california.train.inputs[:, :8].mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(california.train.inputs[:, :8].std(0), 1, atol=1e-4)
    assert all(np.isfinite(split.inputs).all() for split in california.splits.values())


def test_california_housing_fills_its_207_gaps_with_the_median(california: Dataset) -> None:
    bedrooms = next(column for column in california.table.columns if column.name == "total_bedrooms")
    filled = np.float32((bedrooms.median - bedrooms.mean) / bedrooms.std)
    index = california.table.feature_names.index("total_bedrooms")
    count = sum(int((split.inputs[:, index] == filled).sum()) for split in california.splits.values())
    assert 207 <= count < 300  # and a few districts that have the median themselves


def test_california_housing_can_do_without_its_words(shared: Path) -> None:
    path = shared / "data" / "california_housing.csv"
    assert load_data("california_housing", path=path, drop=("ocean_proximity",)).train.inputs.shape[1] == 8
