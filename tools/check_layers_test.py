#!/usr/bin/env python3
"""Plants each kind of violation in a small tree and expects check_layers.py to name it."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_layers  # noqa: E402

HEAD = "// What this file is for, in a sentence.\n"


def module(name, directory, deps=(), header_deps=(), test_deps=(), pure=False):
    return check_layers.Module(name, directory, list(deps), list(header_deps), list(test_deps), pure)


MODULES = [
    module("base", "base", pure=True),
    module("core_gpu", "core/gpu", ["base"], pure=True, test_deps=["codec"]),
    module("core_plan", "core/plan", ["core_gpu"], pure=True),
    module("core_check", "core/check", ["base"],
           ["core/plan/plan.h", "core/gpu/*.h"], pure=True),
    module("solver", "solver", ["core_plan"]),
    module("codec", "codec", ["core_plan"]),
    module("cli", "cli", ["codec", "shell_nvml"]),
    module("sim", "sim", ["core_plan", "shell_nvml"]),
    module("shell_nvml", "shell/nvml", ["core_plan", "sim"]),
    module("shell_apiserver", "shell/apiserver", ["codec"]),
    module("shell_controller", "shell/controller", ["shell_apiserver"]),
]


class CheckLayers(unittest.TestCase):
    def findings(self, files):
        """Findings for a tree of path -> text without its first line, which is added."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                target = Path(root, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text if text.startswith("//") else HEAD + text)
            return check_layers.Checker(root, MODULES).check_tree()

    def assert_clean(self, files):
        self.assertEqual(self.findings(files), [])

    def assert_one(self, files, place, *words):
        found = self.findings(files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(place + ": "), found[0])
        for word in words:
            self.assertIn(word, found[0])

    # Dependencies.

    def test_declared_and_transitive_dependencies_are_fine(self):
        self.assert_clean({"src/core/plan/a.cc": '#include "core/plan/b.h"\n'
                                                 '#include "core/gpu/model.h"\n'
                                                 '#include "base/result.h"\n#include <vector>\n'})

    def test_an_include_against_the_layers_is_found(self):
        self.assert_one({"src/core/gpu/a.cc": '\n#include "core/plan/plan.h"\n'},
                        "src/core/gpu/a.cc:3", "core_gpu does not depend on core_plan", "DEPS")

    def test_angle_brackets_do_not_hide_it(self):
        self.assert_one({"src/base/a.h": "#include <core/gpu/model.h>\n"}, "src/base/a.h:2",
                        "base does not depend on core_gpu")

    def test_a_path_relative_to_the_file_does_not_hide_it(self):
        self.assert_one({"src/core/gpu/a.cc": '#include "../plan/plan.h"\n',
                         "src/core/plan/plan.h": ""}, "src/core/gpu/a.cc:2", "from src/")
        self.assert_one({"src/core/gpu/a.cc": '#include "a.h"\n', "src/core/gpu/a.h": ""},
                        "src/core/gpu/a.cc:2", "from src/")

    def test_a_library_may_have_a_header_of_the_same_name(self):
        self.assert_clean({"src/codec/yaml.cc": "#include <yaml.h>\n", "src/codec/yaml.h": ""})

    def test_header_deps_allow_the_named_headers_only(self):
        self.assert_clean({"src/core/check/a.cc": '#include "core/plan/plan.h"\n'
                                                  '#include "core/gpu/model.h"\n'})
        self.assert_one({"src/core/check/a.cc": '#include "core/plan/planner.h"\n'},
                        "src/core/check/a.cc:2", "core_check does not depend on core_plan")

    def test_tests_may_use_their_test_deps_and_nobody_else_may(self):
        include = '#include "codec/csv.h"\n#include "core/plan/plan.h"\n'
        self.assert_clean({"src/core/gpu/a_test.cc": include})
        self.assertEqual(len(self.findings({"src/core/gpu/a.cc": include})), 2)

    def test_what_tests_share_is_for_tests_only(self):
        include = '#include "core/gpu/gpu_testing.h"\n'
        self.assert_clean({"src/core/gpu/gpu_testing.h": '#include "codec/csv.h"\n#include <fstream>\n',
                           "src/core/gpu/a_test.cc": include})
        self.assert_one({"src/core/gpu/a.cc": include}, "src/core/gpu/a.cc:2", "for tests")

    def test_a_folder_without_a_module_is_found(self):
        self.assert_one({"src/extra/a.cc": ""}, "src/extra/a.cc:1", "no module", "kerf_module()")
        self.assert_one({"src/core/gpu/deep/a.cc": ""}, "src/core/gpu/deep/a.cc:1", "no module")

    def test_folders_outside_src_may_use_every_module(self):
        self.assert_clean({"tests/a_test.cc": '#include "core/plan/plan.h"\n#include <chrono>\n',
                           "fuzz/a.cc": '#include "codec/csv.h"\n', "bench/a.cc": "#include <thread>\n"})

    # Purity.

    def test_each_impure_header_is_found_in_a_pure_module(self):
        for header in ("chrono", "thread", "mutex", "atomic", "condition_variable", "future",
                       "fstream", "iostream", "cstdio", "filesystem", "random", "ctime",
                       "unistd.h", "spdlog/spdlog.h"):
            with self.subTest(header):
                self.assert_one({"src/core/plan/a.cc": f"#include <{header}>\n"},
                                "src/core/plan/a.cc:2", f"<{header}>", "PURE")
                self.assert_clean({"src/codec/a.cc": f"#include <{header}>\n"})
                self.assert_clean({"src/core/plan/a_test.cc": f"#include <{header}>\n"})

    def test_throw_and_getenv_are_found_in_a_pure_module(self):
        self.assert_one({"src/base/a.cc": "void f() {\n  throw 1;\n}\n"}, "src/base/a.cc:3", "throw")
        self.assert_one({"src/base/a.h": 'auto x = std::getenv("HOME");\n'}, "src/base/a.h:2",
                        "getenv")
        self.assert_clean({"src/codec/a.cc": "void f() { throw 1; }\n"})

    def test_words_that_only_contain_them_are_fine(self):
        self.assert_clean({"src/base/a.cc": "int rethrown = 1; int throw_count = 2; int getenv2;\n"})

    def test_the_exception_holds_for_its_file_only(self):
        self.assert_clean({"src/base/assert.cc": "#include <cstdio>\n"})
        self.assert_one({"src/base/other.cc": "#include <cstdio>\n"}, "src/base/other.cc:2", "cstdio")

    # What is not code.

    def test_comments_and_strings_do_not_count(self):
        self.assert_clean({"src/base/a.cc": r'''
// throw, #include <thread>
/* #include <chrono>
#include <thread>
   throw */
const char* a = "throw \" getenv // not a comment";
const char* b = "#include <mutex>"; char c = '"'; char d = '\''; int e = 1'000'000;
const char* f = R"(
#include <thread>
throw " getenv)";
const char* g = R"x(throw )" )x";
'''})

    def test_code_after_them_still_counts(self):
        for before in ('"a"', "'\"'", 'R"(\n)"', "/* x */", "1'000", "\"\\\\\"", "u8R\"z()\")z\""):
            with self.subTest(before):
                found = self.findings({"src/base/a.cc": f"auto a = {before}; throw 1;\n"})
                self.assertEqual(len(found), 1, found)

    def test_spaces_in_an_include_do_not_hide_it(self):
        self.assert_one({"src/base/a.cc": "  #  include  <thread>\n"}, "src/base/a.cc:2", "thread")

    # Heavy headers.

    def test_heavy_headers_belong_to_one_file_each(self):
        cases = (
            ("CLI/CLI.hpp", "src/cli/options.cc", "src/cli/main.cc"),
            ("ClpSimplex.hpp", "src/solver/clp.cc", "src/solver/other.cc"),
            ("coin/CoinPackedMatrix.hpp", "src/solver/clp.cc", "bench/a.cc"),
            ("boost/json/src.hpp", "src/codec/json.cc", "src/codec/yaml.cc"),
            ("yaml.h", "src/codec/yaml.cc", "src/codec/json.cc"),
            ("boost/json.hpp", "src/codec/any.cc", "src/cli/plan.cc"),
            ("boost/json/value.hpp", "src/codec/any.cc", "tests/a_test.cc"),
            ("curl/curl.h", "src/shell/apiserver/curl_transport.cc",
             "src/shell/apiserver/session.cc"),
            ("curl/curl.h", "src/shell/controller/page_fetch.cc",
             "src/shell/controller/prices.cc"),
        )
        for header, owner, other in cases:
            with self.subTest(header):
                self.assert_clean({owner: f"#include <{header}>\n"})
                self.assert_one({other: f"#include <{header}>\n"}, f"{other}:2", header, "only")

    def test_our_own_yaml_header_is_not_libyaml(self):
        self.assert_clean({"src/cli/a.cc": '#include "codec/yaml.h"\n'})

    # Folders that never meet, even when a module declares the dependency.

    def test_forbidden_pairs_are_found_although_declared(self):
        self.assert_one({"src/sim/a.cc": '#include "shell/nvml/nvml.h"\n'}, "src/sim/a.cc:2", "sim")
        self.assert_one({"src/shell/nvml/a.cc": '#include "sim/world.h"\n'},
                        "src/shell/nvml/a.cc:2", "shell")
        self.assert_one({"src/cli/a.cc": '#include "shell/nvml/nvml.h"\n'}, "src/cli/a.cc:2", "cli")

    # The shape of a file.

    def test_the_first_line_says_what_the_file_is_for(self):
        for text in ("//\n", "// Copyright\n", "// no end of sentence in here\n", "/// \n"):
            with self.subTest(text):
                self.assert_one({"src/base/a.h": text}, "src/base/a.h:1", "line 1")
        self.assert_clean({"src/base/a.h": "// A sentence that goes on\n// in a second line.\n"})
        with tempfile.TemporaryDirectory() as root:
            Path(root, "src/base").mkdir(parents=True)
            for text in ("", "#pragma once\n", "\n// Too late to be found here.\n"):
                Path(root, "src/base/a.h").write_text(text)
                self.assertEqual(len(check_layers.Checker(root, MODULES).check_tree()), 1, text)

    def test_a_file_over_500_lines_wants_to_be_two(self):
        self.assert_clean({"src/base/a.cc": "\n" * 499})
        self.assert_one({"src/base/a.cc": "\n" * 500}, "src/base/a.cc:501", "501 lines")
        self.assert_clean({"src/base/a_test.cc": "\n" * 800, "tests/a.cc": "\n" * 800})

    def test_a_todo_names_its_issue(self):
        self.assert_one({"src/base/a.cc": "int a;  // TODO: later\n"}, "src/base/a.cc:2", "TODO")
        self.assert_one({"tests/a.cc": "/* x\n TODO\n*/\n"}, "tests/a.cc:3", "TODO")
        self.assert_clean({"src/base/a.cc": 'int a;  // TODO(#12): later\nauto b = "TODO";\n'
                                            "// TODO https://example.org/issues/3\n"})


if __name__ == "__main__":
    unittest.main()
