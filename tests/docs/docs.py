# SPDX-License-Identifier: MIT
#
# The documents (README.md, docs/) say what the code does.
#
#   docs.py                        files, functions and commands they name exist; quoted C++ is real
#   docs.py --self-test            each check catches what it is for and leaves the rest alone
#   docs.py --programs COMMAND...  the programs they show compile and link; COMMAND is the
#                                  compiler's, with SOURCE and PROGRAM for the two files
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from checks import CHECKS, EXAMPLE_TREE, is_program  # noqa: E402 (after the path)
from pages import Page, Tree  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUST_SAY = {"README.md": ["./dev serve", "./dev test"]}


def read(path):
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def tree():
    folders = ["tocsin", "cli", "examples", "tests", "bench"]
    files = [str(file.relative_to(ROOT)) for folder in folders
             for file in sorted((ROOT / folder).rglob("*.[ch]pp"))]
    return Tree(read, files, lambda path: any(ROOT.glob(path)) if path != "." else True)


def pages():
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [Page(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]


def check_all():
    wrong, project = 0, tree()
    for page in pages():
        found = [(line, what, check.name) for check in CHECKS for line, what in
                 check.run(page, project)]
        found += [(1, f"`{words}` does not occur", "must say")
                  for words in MUST_SAY.get(page.path, []) if words not in page.text]
        for line, what, name in sorted(found):
            print(f"{page.path}:{line}: {what} [{name}]")
        wrong += len(found)
    print(f"docs: {len(pages())} documents, {len(CHECKS)} checks, {wrong} things wrong")
    return wrong == 0


def self_test():
    failures = []
    for check in CHECKS:
        for expected, examples in ((True, check.bad), (False, check.good)):
            for page in examples:
                if any(check.run(page, EXAMPLE_TREE)) != expected:
                    verb = "does not catch" if expected else "objects to"
                    failures.append(f"{check.name} {verb}:\n{page.text}")
    print("\n".join(failures + [f"docs: {len(CHECKS)} checks, {len(failures)} failures"]))
    return not failures


def compile_programs(command):
    count, failures = 0, 0
    with tempfile.TemporaryDirectory(prefix="tocsin-docs-") as folder:
        for page in pages():
            for line, language, content in page.blocks:
                if language != "cpp" or not is_program(content):
                    continue
                count += 1
                files = {"SOURCE": f"{folder}/{count}.cpp", "PROGRAM": f"{folder}/{count}"}
                # The compiler speaks of the document, by its own lines.
                text = f'#line {line + 1} "{page.path}"\n{content}'
                pathlib.Path(files["SOURCE"]).write_text(text, encoding="utf-8")
                done = subprocess.run([files.get(word, word) for word in command], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                if done.returncode != 0:
                    failures += 1
                    print(f"{page.path}:{line}: this program does not compile\n{done.stdout}")
    print(f"docs: {count} programs, {failures} failures")
    return count > 0 and failures == 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments[:1] == ["--programs"]:
        return compile_programs(arguments[1:])
    if arguments:
        print(f"docs: no such option: {arguments[0]} (--self-test, --programs)", file=sys.stderr)
        sys.exit(2)
    return check_all()


sys.exit(0 if main(sys.argv[1:]) else 1)
