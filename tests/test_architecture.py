"""What no single module can promise: directions of import, what is loaded when, what may not be written at all."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libraries import build, settings_in, three_topics

ROOT = Path(__file__).parents[1]
PRODUCT = sorted(path for package in ("indexer", "service") for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 400


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def repository_files() -> list[str]:
    """Every file of the repository, kept or about to be, by its path; what git ignores is not of it."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # git, wherever it is
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: nobody knows which files are of the repository")
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter, in a process of its own: it sets up logging anew."""
    return subprocess.run(  # noqa: S603  # our own interpreter and code
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            *("--config", str(config), "--no-cache", "--no-logo"),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )


class TestImports:
    def test_every_contract_is_kept(self) -> None:
        told = lint(ROOT / "pyproject.toml")
        assert told.returncode == 0, told.stdout[told.stdout.find("Contracts") :] + told.stderr
        assert re.search(r"Contracts: [3-9] kept, 0 broken", told.stdout)

    def test_a_broken_contract_is_named(self, tmp_path: Path) -> None:
        config = tmp_path / "pyproject.toml"
        config.write_text(
            '[tool.importlinter]\nroot_packages = ["indexer", "service"]\n'
            '[[tool.importlinter.contracts]]\nname = "upside down"\ntype = "layers"\n'
            'layers = ["indexer", "service"]\n'
        )
        told = lint(config)
        assert told.returncode == 1
        assert "upside down BROKEN" in told.stdout

    @pytest.mark.parametrize(
        ("library", "modules"),
        {
            "arxiv": ("indexer/sources/arxiv_api/source.py", "indexer/sources/arxiv_api/pages.py"),
            "faiss": ("indexer/vectors/faiss_index.py", "indexer/vectors/inverted.py"),
            "fastapi": (
                "service/api.py",
                "service/api_seeds.py",
                "service/app.py",
                "service/problems.py",
                "service/site.py",
            ),
            "lxml": ("indexer/sources/",),
            "networkx": ("indexer/citations.py",),
            "requests": ("indexer/sources/",),
            "sentence_transformers": ("indexer/embedding.py", "service/evaluation/speed.py"),
            "sklearn": ("indexer/topics.py", "indexer/word_vectors.py", "service/training/"),
            "sqlite3": ("indexer/store/",),
            "torch": ("service/training/",),
            "typer": (
                "service/asking.py",
                "service/cli.py",
                "service/cli_options.py",
                "service/console.py",
                "service/measuring.py",
                "service/operating.py",
                "service/teaching.py",
            ),
        }.items(),
    )
    def test_a_library_is_known_to_its_adapter_alone(self, library: str, modules: tuple[str, ...]) -> None:
        using = [name_of(path) for path in PRODUCT if library in imported(ast.parse(path.read_text("utf-8")))]
        assert [name for name in using if not name.startswith(modules)] == []


def imported(tree: ast.AST) -> set[str]:
    """The packages that a module imports, at its top or late, by name or by `import_module`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return {name.partition(".")[0] for name in found}


HEAVY = ("torch", "transformers", "sentence_transformers", "sklearn", "scipy", "networkx", "pandas", "faiss")
OF_SOURCES = ("arxiv", "lxml", "requests")
OF_THE_SERVER = ("fastapi", "uvicorn", "numpy", "jinja2")


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh process has loaded when it has run `code`."""
    told = subprocess.run(  # noqa: S603  # our own interpreter and code
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return set(json.loads(told.splitlines()[-1]))


class TestLoading:
    @pytest.mark.parametrize(
        ("module", "unwanted"),
        [
            ("service.app", HEAVY),
            ("indexer.library", HEAVY + OF_SOURCES),
            ("service.cli", HEAVY + OF_THE_SERVER + OF_SOURCES),
        ],
    )
    def test_starting_loads_nothing_heavy(self, module: str, unwanted: tuple[str, ...]) -> None:
        loaded = loaded_by(f"import {module}")
        assert module in loaded
        assert loaded & set(unwanted) == set()

    def test_a_page_needs_no_model_and_no_clustering(self, tmp_path: Path) -> None:
        papers = three_topics(4)
        build(settings_in(tmp_path), papers)
        loaded = loaded_by(
            "import sys\n"
            "from indexer.library import open_library\n"
            "from indexer.settings import Settings\n"
            "from service.paper_page import paper_page\n"
            "with open_library(Settings(library=sys.argv[1])) as library:\n"
            "    assert paper_page(library, sys.argv[2], k=5).related",
            str(tmp_path / "library.db"),
            str(papers[5].id),
        )
        assert loaded & {"torch", "transformers", "sentence_transformers", "sklearn", "networkx"} == set()
        assert "faiss" in loaded


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


CODE_IN_DATA = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
BANNED_CALLS = {"torch.load", "os.system", "os.popen", "eval", "exec", "yaml.load", "tempfile.mktemp"}
BANNED_OPTIONS = {
    "allow_pickle": True,
    "trust_remote_code": True,
    "shell": True,
    "verify": False,
    "weights_only": False,
}


def dangers(source: str) -> Iterator[str]:
    """What a module has that runs code out of data, hands text to a shell, or trusts any server."""
    tree = ast.parse(source)
    yield from sorted(imported(tree) & CODE_IN_DATA)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in BANNED_CALLS:
                yield name
            for option in node.keywords:
                value = option.value.value if isinstance(option.value, ast.Constant) else None
                if option.arg in BANNED_OPTIONS and value is BANNED_OPTIONS[option.arg]:
                    yield f"{option.arg}={value}"
        elif isinstance(node, ast.Dict):  # options that are handed on as model_kwargs={...}
            for key, item in zip(node.keys, node.values, strict=True):
                option_name = key.value if isinstance(key, ast.Constant) else None
                value = item.value if isinstance(item, ast.Constant) else None
                if option_name in BANNED_OPTIONS and value is BANNED_OPTIONS[str(option_name)]:
                    yield f"{option_name}={value}"


class TestDangers:
    @pytest.mark.parametrize("path", PRODUCT, ids=name_of)
    def test_no_module_has_any(self, path: Path) -> None:
        assert list(dangers(path.read_text("utf-8"))) == []

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("import pickle", ["pickle"]),
            ("def late():\n    from joblib import load", ["joblib"]),
            ("importlib.import_module('dill')", ["dill"]),
            ("torch.load(path)", ["torch.load"]),
            ("np.load(path, allow_pickle=True)", ["allow_pickle=True"]),
            ("Model(name, trust_remote_code=True)", ["trust_remote_code=True"]),
            ("Model(name, options={'trust_remote_code': True})", ["trust_remote_code=True"]),
            ("subprocess.run(text, shell=True)", ["shell=True"]),
            ("client.get(url, verify=False)", ["verify=False"]),
            ("np.load(path, allow_pickle=False)", []),
            ("client.get(url, verify=True)", []),
            ("words.load(path)", []),
        ],
    )
    def test_they_would_be_found(self, source: str, found: list[str]) -> None:
        assert list(dangers(source)) == found


class TestRepository:
    FOLDERS = frozenset({"service", "indexer", "tests", "notebooks"})
    FILES = frozenset(
        {"pyproject.toml", "README.md", "Dockerfile", "Makefile", "LICENSE", "CHANGELOG.md", "DECISIONS.md"}
    )
    LOCKS = frozenset({"pylock.toml", "uv.lock", "requirements.lock"})

    def test_the_root_holds_only_what_the_design_allows(self) -> None:
        names = [name for name in repository_files() if not name.startswith(".")]
        assert {name.partition("/")[0] for name in names if "/" in name} <= self.FOLDERS
        files = {name for name in names if "/" not in name}
        assert files - self.LOCKS <= self.FILES
        assert len(files & self.LOCKS) <= 1

    def test_what_was_asked_for_is_there(self) -> None:
        assert {"pyproject.toml", "README.md", "Dockerfile"} <= set(repository_files())

    # Written so that this file does not name them itself.
    WORKPLACE = re.compile(r"(?<![\w.])/(?:[w]ork|[r]oot)(?:/|\b(?![\w.-]))|[.][.]/[s]hared")
    OF_TESTS = re.compile(r"\b[s]hared/|PAPERKIN_[S]HARED")

    def test_no_text_names_the_place_where_it_was_written(self) -> None:
        naming = []
        for name in repository_files():
            text = (ROOT / name).read_bytes().decode("utf-8", "replace")
            found = self.WORKPLACE.findall(text) if name != "tests/conftest.py" else []
            if not name.startswith("tests/"):
                found += self.OF_TESTS.findall(text)
            naming += [f"{name}: {one}" for one in found]
        assert naming == []

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("see /" + "work/main", True),
            ("cd /" + "root", True),
            ("https://api.openalex.org/works", False),
            ("groundwork/main", False),
            ("../" + "shared/data", True),
            ("in and/or work", False),
        ],
    )
    def test_a_workplace_is_told_from_a_word(self, text: str, found: bool) -> None:  # noqa: FBT001  # a table
        assert bool(self.WORKPLACE.search(text)) == found

    def test_exceptions_to_the_checks_say_why(self) -> None:
        silent = re.compile(r"#\s*(?:type: ignore(?:\[[\w, -]+\])?|noqa(?:: [A-Z0-9, ]+)?)\s*$", re.MULTILINE)
        bare = [name_of(path) for path in PRODUCT if silent.search(path.read_text("utf-8"))]
        assert bare == []

    def test_nothing_is_left_for_later(self) -> None:
        marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XXX|NotImplemented" + r"Error)\b")
        assert [name_of(path) for path in PRODUCT if marks.search(path.read_text("utf-8"))] == []


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile as (name, rest), lines joined and comments left out."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE))
    parts = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, rest.strip()) for name, _, rest in parts]


def made(text: str) -> set[str]:
    """The targets that commands in a text ask make for."""
    calls = re.findall(r"(?:^|[;&|]|RUN|`)\s*make((?: +[\w=/.$-]+)+)", text, re.MULTILINE)
    return {word for call in calls for word in call.split() if "=" not in word and not word.startswith("-")}


class TestBuild:
    DOCKER = instructions((ROOT / "Dockerfile").read_text("utf-8"))
    MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
    TARGETS = frozenset(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

    @property
    def last_stage(self) -> list[tuple[str, str]]:
        start = max(at for at, (name, _) in enumerate(self.DOCKER) if name == "FROM")
        return self.DOCKER[start:]

    def test_the_image_is_made_by_steps_of_the_makefile(self) -> None:
        asked = made("\n".join(f"{name} {rest}" for name, rest in self.DOCKER))
        assert asked
        assert asked <= self.TARGETS

    @pytest.mark.parametrize("name", [".ci/run", "README.md"])
    def test_make_knows_the_targets_that_people_are_told(self, name: str) -> None:
        asked = made((ROOT / name).read_text("utf-8"))
        assert {"demo", "test", "lint"} <= asked <= self.TARGETS

    def test_no_target_is_taken_for_a_file(self) -> None:
        phony = re.search(r"^\.PHONY:(.*)$", self.MAKEFILE, re.MULTILINE)
        assert phony is not None
        assert set(phony[1].split()) == self.TARGETS

    def test_the_service_runs_without_rights_and_tells_its_health(self) -> None:
        stage = dict(self.last_stage)
        users = [rest for name, rest in self.last_stage if name == "USER"]
        assert users
        assert users[-1].partition(":")[0] not in {"", "root", "0"}
        assert "/v1/health" in stage["HEALTHCHECK"]
        order = [name for name, _ in self.last_stage]
        assert order.index("USER") < order.index("ENTRYPOINT")

    def test_what_is_copied_exists_and_what_runs_is_installed(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        copied = [rest.split()[:-1] for name, rest in self.DOCKER if name == "COPY" and "--from" not in rest]
        missing = [source for sources in copied for source in sources if not (ROOT / source).exists()]
        assert copied
        assert missing == []
        assert json.loads(dict(self.last_stage)["ENTRYPOINT"])[0] in project["scripts"]

    def test_both_stages_have_one_python_that_the_project_allows(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        bases = {rest.split()[0] for name, rest in self.DOCKER if name == "FROM"}
        (base,) = bases
        found, least = re.search(r"python:3\.(\d+)", base), re.search(r"3\.(\d+)", project["requires-python"])
        assert found is not None
        assert least is not None
        assert int(found[1]) >= int(least[1])
