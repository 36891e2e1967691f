// Tests of the YAML reader: values, positions, what it refuses and with which words, and its
// limits.
#include "codec/yaml.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"

namespace kerf::codec {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<Document> parsed(std::string_view text, const Limits& limits = {}) {
  auto documents = parse_yaml(text, "f.yaml", limits);
  EXPECT_TRUE(documents) << text << "\n" << documents.error().message();
  return documents ? *std::move(documents) : std::vector<Document>();
}

Node only(std::string_view text, const Limits& limits = {}) {
  std::vector<Document> documents = parsed(text, limits);
  EXPECT_EQ(documents.size(), 1u) << text;
  return documents.empty() ? Node() : std::move(documents[0].root);
}

Error refused(std::string_view text, const Limits& limits = {}) {
  auto documents = parse_yaml(text, "f.yaml", limits);
  if (!documents) return documents.error();
  ADD_FAILURE() << "accepted: " << text;
  return Error(ErrorCode::Unavailable, "");
}

/// JSON of the only document, without blanks and line ends.
std::string json_of(std::string_view text) {
  std::string out;
  for (const char c : write_json(only(text))) {
    if (c != ' ' && c != '\n') out += c;
  }
  return out;
}

std::string place(Position at) { return fmt::format("{}:{}", at.line, at.column); }

TEST(Yaml, ReadsWhatKubernetesReads) {
  struct Case {
    const char* yaml;
    const char* json;
  };
  const Case cases[] = {
      {"a: 1\nb: [x, 1.5, yes]\nc:\n- d\n- e:\n",
       R"({"a":1,"b":["x",1.5,true],"c":["d",{"e":null}]})"},
      {"a: '1'\nb: \"yes\"\nc: 'it''s'\nd: \"\\u00e9\\n\"",
       R"({"a":"1","b":"yes","c":"it's","d":"é\n"})"},
      {"a: |\n  x\n  y\nb: >-\n  u\n  v\n", R"({"a":"x\ny\n","b":"uv"})"},
      {"{\n\t\"a\": [\n\t\t1, null\n\t]\n}\n", R"({"a":[1,null]})"},
      {"{\"a\":{},\"b\":[],\"c\":\"\\/\"}", R"({"a":{},"b":[],"c":"/"})"},
      {"\xEF\xBB\xBF"
       "a: 1\r\nb: 2\r\n",
       R"({"a":1,"b":2})"},
      {"# only one\n--- # here\na: 1 # x\n...\n# end\n", R"({"a":1})"},
      {"%YAML 1.1\n---\na: 1\n", R"({"a":1})"},
      {"a: http://x/y#z\nb: 10:30\nc: {d: e}", R"({"a":"http://x/y#z","b":"10:30","c":{"d":"e"}})"},
      {"- - a\n  - b\n- c", R"([["a","b"],"c"])"},
      {"? a\n: b\n? c\n", R"({"a":"b","c":null})"},
  };
  for (const Case& c : cases) EXPECT_EQ(json_of(c.yaml), c.json) << c.yaml;
}

TEST(Yaml, KeysThatAreNoStringsBecomeTheirText) {
  EXPECT_EQ(json_of("1: a\n0x10: b\nyes: c\n1.50: d\n!!str 7: e\n\"08\": f\n"),
            R"({"1":"a","16":"b","true":"c","1.5":"d","7":"e","08":"f"})");
}

TEST(Yaml, TagsOfTheStandardAreFollowed) {
  EXPECT_EQ(
      json_of("a: !!str 5\nb: !!int '7'\nc: !!float 3\nd: !!bool \"on\"\ne: !!null ''\n"
              "f: ! 8\ng: !!map {x: !!seq [1]}\nh: !!timestamp 2001-01-01\n"
              "i: !<tag:yaml.org,2002:str> 9\n"),
      R"({"a":"5","b":7,"c":3.0,"d":true,"e":null,"f":"8","g":{"x":[1]},"h":"2001-01-01","i":"9"})");
}

TEST(Yaml, AliasesAndMergesGiveCopies) {
  struct Case {
    const char* yaml;
    const char* json;
  };
  const Case cases[] = {
      {"a: &x [1, 2]\nb: *x\n", R"({"a":[1,2],"b":[1,2]})"},
      {"a: &x\nb: *x\n", R"({"a":null,"b":null})"},
      {"a: &x 1\nb: &x 2\nc: *x\n", R"({"a":1,"b":2,"c":2})"},
      {"&k a: 1\nb: *k\nc: {*k : 3}\n", R"({"a":1,"b":"a","c":{"a":3}})"},
      {"a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n", R"({"a":{"p":1,"q":2},"b":{"q":3,"p":1}})"},
      {"a: &x {p: 1}\nb: {<<: [*x, {p: 2, r: 4}]}\n", R"({"a":{"p":1},"b":{"p":1,"r":4}})"},
      {"\"<<\": 1\n", R"({"<<":1})"},
  };
  for (const Case& c : cases) EXPECT_EQ(json_of(c.yaml), c.json) << c.yaml;
}

TEST(Yaml, AnchorsEndWithTheirDocument) {
  EXPECT_THAT(refused("a: &x 1\n---\nb: *x\n").message(),
              StartsWith("f.yaml:3:4: alias *x has no anchor &x before it"));
}

TEST(Yaml, EveryValueKnowsWhereItStands) {
  const Node root = only("a: 1\nbb:\n  - x\n  - {c: \"d\"}\n  -\ne: |\n  f\n");
  const Node& list = *root.find("bb");
  EXPECT_EQ(place(root.at), "1:1");
  EXPECT_EQ(place(root.find("a")->at), "1:4");
  EXPECT_EQ(place(root.key_at.at(1)), "2:1");
  EXPECT_EQ(place(list.at), "3:3");
  EXPECT_EQ(place(list.items.at(0).at), "3:5");
  EXPECT_EQ(place(list.items.at(1).at), "4:5");
  EXPECT_EQ(place(list.items.at(1).key_at.at(0)), "4:6");
  EXPECT_EQ(place(list.items.at(1).find("c")->at), "4:9");
  EXPECT_EQ(place(root.find("e")->at), "6:4");
}

TEST(Yaml, ColumnsCountCharacters) {
  EXPECT_EQ(place(only("\xEF\xBB\xBF{\"é\": \"ü\", \"b\": 1}").find("b")->at), "1:17");
}

TEST(Yaml, DocumentsComeInOrderAndEmptyOnesAreSkipped) {
  const auto documents = parsed("---\n---\n# nothing\n---\na: 1\n---\nnull\n---\n- 2\n---\n");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].file, "f.yaml");
  EXPECT_EQ(place(documents[0].root.at), "5:1");
  EXPECT_EQ(place(documents[1].root.at), "9:1");
  for (const char* empty : {"", "  \n\n", "# x", "---", "\xEF\xBB\xBF", "~"}) {
    EXPECT_EQ(parsed(empty).size(), 0u) << empty;
  }
}

TEST(Yaml, ReadsSurrogatePairsOfJson) {
  const Node root = only(R"({"a": "x\ud83d\uDE00\\ud83d\\ude00", "b": 1})");
  EXPECT_EQ(root.find("a")->text, "x\U0001F600\\ud83d\\ude00");
  EXPECT_EQ(place(root.find("b")->at), "1:43") << "as if the pair had not been rewritten";
  EXPECT_EQ(only("a: '\\ud83d\\ude00'\n").find("a")->text, "\\ud83d\\ude00");
}

TEST(Yaml, RefusesWithFileLineAndColumn) {
  struct Case {
    std::string_view yaml;
    const char* words;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"a:\n\tb: 1\n", "f.yaml:2:1: a tab where YAML wants spaces"},
      {"a: 1\n\tb: 2\n", "f.yaml:2:1: a tab where YAML wants spaces"},
      {"a:\n  - \tx: 1\n", "f.yaml:2:5: a tab where YAML wants spaces"},
      {"a: |\n \tx\n\ty\n", "a tab where YAML wants spaces"},
      {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key \"a\", first given at 1:1"},
      {"a: {b: 1, 'b': 2}\n", "f.yaml:1:11: duplicate key \"b\", first given at 1:5"},
      {"1: a\n0x1: b\n", "f.yaml:2:1: duplicate key \"1\", first given at 1:1"},
      {"? [a]\n: b\n", "f.yaml:1:3: a list as a key: keys must be text"},
      {"{a: b}: c\n", "f.yaml:1:1: a mapping as a key: keys must be text"},
      {"~: x\n", "f.yaml:1:1: an empty key: keys must be text"},
      {"a: &x [1]\n? *x\n: 2\n", "f.yaml:2:3: a list as a key"},
      {"a: *x\n", "f.yaml:1:4: alias *x has no anchor &x before it"},
      {"a: &x [*x]\n", "f.yaml:1:8: alias *x stands inside its own anchor"},
      {"<<: 1\n", "f.yaml:1:5: \"<<\" merges a mapping or a list of mappings; this is an integer"},
      {"a: &x {p: 1}\nb: {<<: *x, <<: *x}\n", "f.yaml:2:13: a second \"<<\" in one mapping"},
      {"a: !Ref x\n", "f.yaml:1:4: the tag \"!Ref\" has no meaning here"},
      {"a: !!set {x}\n", "f.yaml:1:4: the tag \"!!set\" has no meaning here"},
      {"a: !!seq {x: 1}\n", "f.yaml:1:4: the tag \"!!seq\" has no meaning here"},
      {"a: !!int x\n", "f.yaml:1:4: \"x\" is tagged !!int but is a string"},
      {"a: .inf\n", "f.yaml:1:4: \".inf\" is no number that Kubernetes takes"},
      {"a: .NaN\n", "f.yaml:1:4: \".NaN\" is no number that Kubernetes takes"},
      {"a: b: c\n", "f.yaml:1:5: \":\" where no key can be"},
      {"a: 1\n b: 2\n", "f.yaml:2:3: \":\" where no key can be"},
      {"a: 1\nb\nc: 2\n", "f.yaml:2:1: expected \"key: value\""},
      {"a: 1\n- b\n", "f.yaml:2:1: expected a key: is this line indented"},
      {"- a\nb: 1\n", "f.yaml:2:1: expected \"- \""},
      {"a: - b\n", "f.yaml:1:4: \"- \" where no list can be"},
      {"k: \"abc\" def\n", "f.yaml:1:10: text after the end of a value"},
      {"x: 1\na: \"x\nb: 1\n", "f.yaml:2:4: this quote is never closed"},
      {"a: 'x\n---\nb: 1\n", "f.yaml:1:4: this quote is not closed in its document"},
      {"a: [1, 2\nb: 3\n", "f.yaml:2:2: expected \",\" or \"]\" (while parsing a flow sequence "},
      {"a: {x: 1\n", "expected \",\" or \"}\" (while parsing a flow mapping from 1:4)"},
      {"a: @x\n", "f.yaml:1:4: a value cannot start with \"@\": put it in quotes"},
      {"a: `x`\n", "f.yaml:1:4: a value cannot start with \"`\""},
      {"{\"a\":1}\n{\"b\":2}\n", "f.yaml:2:1: the document has ended here: put \"---\""},
      {"{\"a\": \"\\ud83d\"}", "f.yaml:1:10: an escape that is no character"},
      {"a: 1\nb: \0\n"sv, "f.yaml:2:4: a NUL byte: this is not a text file"},
      {"é: \xff\n", "f.yaml:1:4: bytes that are not UTF-8: save the file as UTF-8"},
      {"\xff\xfe"
       "a\0:\0"sv,
       "f.yaml:1:1: bytes that are not UTF-8"},
      {"a: \x1b[1m\n", "f.yaml:1:4: a control character (0x1b)"},
      {"a: 1\n\xEF\xBB\xBF"
       "b: 2\n",
       "f.yaml:2:1: a byte order mark inside the file"},
      {"a: \xC2\x80\n", "f.yaml:1:4: a control character"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.yaml);
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument) << c.yaml;
    EXPECT_THAT(error.message(), HasSubstr(c.words)) << c.yaml;
    EXPECT_THAT(error.message(), StartsWith("f.yaml:")) << c.yaml;
  }
}

TEST(Yaml, NamesHelmTemplatesForWhatTheyAre) {
  struct Case {
    const char* yaml;
    const char* place;
  };
  const Case cases[] = {
      {"name: {{ .Values.name }}\n", "1:7"},
      {"a: 1\nimage: {{ .Values.a }}:{{ .Values.b }}\n", "2:8"},
      {"{{- if .Values.x }}\na: 1\n{{- end }}\n", "1:1"},
      {"{{/* a comment */}}\na: 1\n", "1:1"},
      {"a: 1\nb:\n  {{- toYaml .Values.r | nindent 2 }}\nc: 2\n", "3:3"},
      {"name: {{ include \"x.name\" . }}-suffix\n", "1:7"},
      {"args: [{{ .Values.a }}]\n", "1:8"},
      {"a: \"x: {{ .Values.a }}\"\nb: {{ .Values.b | quote }}\n", "2:4"},
      {"a: 1\nname: web-{{ .Release.Name }}\n", "2:11"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(refused(c.yaml).message(),
              fmt::format("f.yaml:{}: this is a Helm template, render it first: helm template "
                          "RELEASE CHART | kerf plan -",
                          c.place))
        << c.yaml;
  }
}

TEST(Yaml, BracesOfOthersAreText) {
  EXPECT_EQ(json_of("a: Instance {{ $labels.instance }} down\nb: \"{{ .Values.x }}\"\n"
                    "c: |\n  {{ if .Values.x }}\nd: {e: {}}\n"),
            R"({"a":"Instance{{$labels.instance}}down","b":"{{.Values.x}}",)"
            R"("c":"{{if.Values.x}}\n","d":{"e":{}}})");
  EXPECT_THAT(refused("a: \"{{ x }}\"\nb: \"{{ y }}\" z\n").message(),
              HasSubstr("2:14: text after"));
  EXPECT_THAT(refused("a: b: c  # {{ x }}\n").message(), HasSubstr("1:5: \":\" where no key"));
}

TEST(Yaml, HoldsItsLimits) {
  struct Case {
    const char* what;
    std::string yaml;
    Limits limits;
    const char* words;
  };
  Limits bytes, depth, nodes, documents, scalar;
  bytes.bytes = 10;
  depth.depth = 3;
  nodes.nodes = 5;
  documents.documents = 2;
  scalar.scalar_bytes = 4;
  const Case cases[] = {
      {"bytes", "a: 12345678\n", bytes, "f.yaml: 12 bytes; at most 10 are read"},
      {"depth", "[[[[]]]]", depth, "f.yaml:1:4: lists and mappings are nested more than 3 deep"},
      {"depth of blocks", "a:\n  b:\n    c:\n      d: 1\n", depth,
       "f.yaml:4:7: lists and mappings"},
      {"depth by alias", "a: &x [[1]]\nb: [*x]\n", depth, "f.yaml:2:5: with alias *x lists and"},
      {"values", "[1, 2, 3,\n 4, 5]\n", nodes, "f.yaml:2:5: more than 5 values in one file"},
      {"values of all documents", "[1]\n---\n[2]\n---\n[3]\n", nodes, "f.yaml:5:2: more than 5"},
      {"aliases", "a: &x [1]\nb: *x\n", nodes, "anchors and aliases expand this file beyond 5"},
      {"documents", "a\n---\nb\n---\nc\n", documents, "f.yaml:4:1: more than 2 documents"},
      {"empty documents", "---\n---\n---\n", documents, "f.yaml:3:1: more than 2 documents"},
      {"scalar", "a: 12345\n", scalar, "f.yaml:1:4: a value of 5 bytes: at most 4 are read"},
      {"key", "abcde: 1\n", scalar, "f.yaml:1:1: a key of 5 bytes: at most 4 are read"},
  };
  for (const Case& c : cases) {
    const Error error = refused(c.yaml, c.limits);
    EXPECT_EQ(error.code(), ErrorCode::TooLarge) << c.what;
    EXPECT_THAT(error.message(), HasSubstr(c.words)) << c.what;
  }
  only("a: 123456", bytes);
  only("[[[]]]", depth);
  only("a: &x [1]\nb: [*x]\n", depth);
  only("[1, 2, 3, 4]", nodes);
  parsed("a\n---\nb\n", documents);
  only("abcd: 1234", scalar);
}

TEST(Yaml, AnAliasBombCountsAsWhatItExpandsTo) {
  std::string yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 20; ++i) {
    yaml += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) yaml += fmt::format("*a{},", i - 1);
    yaml += "]\n";
  }
  Limits limits;
  limits.nodes = 100'000;
  const Error error = refused(yaml, limits);
  EXPECT_EQ(error.code(), ErrorCode::TooLarge);
  EXPECT_THAT(error.message(), HasSubstr("anchors and aliases expand this file beyond 100000"));
}

TEST(Yaml, FailsAtOnceOnLargeNonsense) {
  constexpr std::size_t kSize = 4u << 20;
  const auto many = [](std::string_view unit) {
    std::string out;
    while (out.size() < kSize) out += unit;
    return out;
  };
  for (const char* unit : {"[", "{\"a\":", "- ", "? ", "\"", "&a ", "*a ", "!a ", "%TAG !a! x\n",
                           ": ", "\t", "...\n", "@"}) {
    EXPECT_FALSE(parse_yaml(many(unit), "f.yaml")) << unit;
  }
  EXPECT_TRUE(parse_yaml(many("# x\n"), "f.yaml"));
  EXPECT_TRUE(parse_yaml(many("\n"), "f.yaml"));
  EXPECT_TRUE(parse_yaml("a: \"" + many("x") + "\"\n", "f.yaml"));
  EXPECT_TRUE(parse_yaml("[" + many("[],\n") + "]", "f.yaml"));
}

}  // namespace
}  // namespace kerf::codec
