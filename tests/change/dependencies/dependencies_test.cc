#include "auspex/change/dependencies/dependencies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "auspex/change/dependencies/readers.h"

namespace auspex::change {

// Found by GoogleTest, which asks for this name.
void PrintTo(const Dependency& dependency, std::ostream* out) {
  *out << dependency.name << " " << dependency.version << (dependency.unpinned ? " open" : "");
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Format = DependencyFormat;

constexpr std::string_view kSha = "0123456789abcdef0123456789abcdef01234567";

Dependency Pinned(std::string name, std::string version) {
  return {std::move(name), std::move(version), false};
}
Dependency Open(std::string name, std::string version) {
  return {std::move(name), std::move(version), true};
}

std::vector<Dependency> Read(Format format, std::string_view bytes) {
  auto read = ReadDependencies(format, bytes);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  return read.value_or(std::vector<Dependency>());
}

TEST(DependencyFormatOf, TellsByTheFilesName) {
  EXPECT_EQ(DependencyFormatOf("package.json"), Format::kPackageJson);
  EXPECT_EQ(DependencyFormatOf("web/app/pnpm-lock.yaml"), Format::kPnpmLock);
  EXPECT_EQ(DependencyFormatOf("Cargo.lock"), Format::kCargoLock);
  EXPECT_EQ(DependencyFormatOf("requirements-dev.txt"), Format::kRequirements);
  EXPECT_EQ(DependencyFormatOf("requirements/base.txt"), Format::kRequirements);
  EXPECT_EQ(DependencyFormatOf("docker/Dockerfile.arm"), Format::kDockerfile);
  EXPECT_EQ(DependencyFormatOf("api.Dockerfile"), Format::kDockerfile);
  EXPECT_EQ(DependencyFormatOf("docs/requirements.md"), std::nullopt);
  EXPECT_EQ(DependencyFormatOf("mypackage.json"), std::nullopt);
  EXPECT_EQ(DependencyFormatOf(""), std::nullopt);
}

TEST(ReadDependencies, PackageJson) {
  EXPECT_THAT(
      Read(Format::kPackageJson, R"({
    "name": "shop", "dependencies": {"react": "^17.0.2", "left-pad": "*", "local": "workspace:*",
      "fork": "git+https://example.com/fork.git#0123456789abcdef", "other": "user/repo#main"},
    "devDependencies": {"jest": "latest", "alias": "npm:@scope/real@^1.2.0", "odd": 5},
    "peerDependencies": {"vue": ">=2"}})"),
      ElementsAre(Pinned("react", "^17.0.2"), Open("left-pad", "*"), Pinned("local", "workspace:*"),
                  Pinned("fork", "git+https://example.com/fork.git#0123456789abcdef"),
                  Open("other", "user/repo#main"), Open("jest", "latest"),
                  Pinned("alias", "npm:@scope/real@^1.2.0"), Pinned("vue", ">=2")));
}

TEST(ReadDependencies, PackageLockOfAllVersions) {
  EXPECT_THAT(Read(Format::kPackageLock, R"({"lockfileVersion": 1, "dependencies": {
    "a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}},
    "b": {"version": "3.0.0"}}})"),
              ElementsAre(Pinned("a", "1.0.0"), Pinned("b", "2.0.0"), Pinned("b", "3.0.0")));
  // Version 2 has both; `packages` is the one that npm reads.
  EXPECT_THAT(Read(Format::kPackageLock, R"({"lockfileVersion": 3, "packages": {
    "": {"name": "shop", "version": "9.9.9"}, "packages/own": {"version": "1.0.0"},
    "node_modules/own": {"resolved": "packages/own", "link": true},
    "node_modules/@s/a": {"version": "1.0.0"},
    "node_modules/@s/a/node_modules/b": {"version": "2.0.0"},
    "node_modules/alias": {"name": "real", "version": "4.0.0"}},
    "dependencies": {"b": {"version": "3.0.0"}}})"),
              ElementsAre(Pinned("@s/a", "1.0.0"), Pinned("b", "2.0.0"), Pinned("real", "4.0.0")));
}

TEST(ReadDependencies, PnpmLockOfAllVersions) {
  EXPECT_THAT(Read(Format::kPnpmLock, R"(
lockfileVersion: 5.4
importers: {.: {dependencies: {packages: 1}}}
packages:
  /react/17.0.2:
    resolution: {integrity: sha512-x}
    dependencies:
      loose-envify: 1.4.0
  /@babel/core/7.1.0_peer@1.0.0:
    dev: true
  /react-dom@18.2.0(react@18.2.0):
    dev: false
  '@vue/shared@3.3.4':
    engines: {node: '>=6'}
  link:../other: {}
)"),
              ElementsAre(Pinned("react", "17.0.2"), Pinned("@babel/core", "7.1.0"),
                          Pinned("react-dom", "18.2.0"), Pinned("@vue/shared", "3.3.4")));
}

TEST(ReadDependencies, YarnLockClassicAndBerry) {
  EXPECT_THAT(Read(Format::kYarnLock, R"(# yarn lockfile v1

"@babel/core@^7.0.0", "@babel/core@^7.1.0":
  version "7.2.0"
  resolved "https://example.com/x.tgz#abc"
  dependencies:
    version "^1.0.0"

lodash@^4.17.0:
  version "4.17.21"
)"),
              ElementsAre(Pinned("@babel/core", "7.2.0"), Pinned("lodash", "4.17.21")));
  EXPECT_THAT(Read(Format::kYarnLock, R"(__metadata:
  version: 6
  cacheKey: 8

"react@npm:^18.0.0, react@npm:^18.2.0":
  version: 18.2.0
  resolution: "react@npm:18.2.0"
  dependencies:
    loose-envify: ^1.1.0
  languageName: node

"shop@workspace:.":
  version: 0.0.0-use.local
  resolution: "shop@workspace:."
)"),
              ElementsAre(Pinned("react", "18.2.0")));
}

TEST(ReadDependencies, Go) {
  EXPECT_THAT(Read(Format::kGoMod, R"(module example.com/shop // ours

go 1.21
require example.com/one v1.2.3
require (
	example.com/two/v2 v2.0.1 // indirect
	"example.com/three" v0.0.0-20200101000000-abcdefabcdef
	example.com/four v1.0.0
)
replace example.com/one => ../one
replace (
	example.com/four v1.0.0 => example.com/four v1.0.1
)
exclude example.com/two/v2 v2.0.0
)"),
              ElementsAre(Pinned("go", "1.21"), Pinned("example.com/one", "=> ../one"),
                          Pinned("example.com/two/v2", "v2.0.1"),
                          Pinned("example.com/three", "v0.0.0-20200101000000-abcdefabcdef"),
                          Pinned("example.com/four", "v1.0.1")));
  EXPECT_THAT(Read(Format::kGoSum,
                   "example.com/a v1.0.0 h1:x=\nexample.com/a v1.0.0/go.mod h1:y=\n"
                   "example.com/b v0.9.0/go.mod h1:z=\n\n"),
              ElementsAre(Pinned("example.com/a", "v1.0.0")));
}

TEST(ReadDependencies, Cargo) {
  EXPECT_THAT(Read(Format::kCargoToml, R"(
[package]
name = "shop"
[dependencies]
serde = "1.0"
any = ">=1"
own = {path = "../own"}
tokio = {version = "1.2", features = ["full"]}
renamed = {package = "real", version = "0.3"}
fork = {git = "https://example.com/fork", branch = "main"}
[target.'cfg(unix)'.dev-dependencies]
nix = "*"
[workspace.dependencies]
log = "0.4"
)"),
              ElementsAre(Open("any", ">=1"), Open("fork", "https://example.com/fork#main"),
                          Pinned("real", "0.3"), Pinned("serde", "1.0"), Pinned("tokio", "1.2"),
                          Pinned("log", "0.4"), Open("nix", "*")));
  EXPECT_THAT(Read(Format::kCargoLock, R"(version = 3
[[package]]
name = "serde"
version = "1.0.1"
source = "registry+index"
[[package]]
name = "fork"
version = "0.1.0"
source = "git+https://example.com/fork?branch=main#0123456789"
)"),
              ElementsAre(Pinned("serde", "1.0.1"), Pinned("fork", "0.1.0+0123456789")));
}

TEST(ReadDependencies, Requirements) {
  EXPECT_THAT(
      Read(Format::kRequirements, R"(# ours
-r base.txt
--index-url ${INDEX}
Django==4.2.1 \
    --hash=sha256:abc \
    --hash=sha256:def
requests[socks] >= 2.8.1, < 3 ; python_version < "3.8"  # why
Zope.Interface
flask~=2.0
numpy>=1.20
lib @ git+https://example.com/lib.git@0123456789abcdef
-e ./here
)"),
      ElementsAre(Pinned("django", "==4.2.1"), Pinned("requests", ">= 2.8.1, < 3"),
                  Open("zope-interface", ""), Pinned("flask", "~=2.0"), Open("numpy", ">=1.20"),
                  Pinned("lib", "git+https://example.com/lib.git@0123456789abcdef")));
}

TEST(ReadDependencies, PythonProjectsAndLocks) {
  EXPECT_THAT(
      Read(Format::kPyproject, R"(
[build-system]
requires = ["setuptools"]
[project]
dependencies = ["httpx>=0.20,<1"]
[project.optional-dependencies]
dev = ["pytest==7.0"]
[dependency-groups]
lint = ["ruff==0.1", {include-group = "dev"}]
[tool.poetry.dependencies]
python = "^3.9"
Django = "^4.2"
own = {path = "../own"}
[tool.poetry.group.test.dependencies]
tox = "*"
)"),
      ElementsAre(Pinned("httpx", ">=0.20,<1"), Pinned("pytest", "==7.0"), Pinned("ruff", "==0.1"),
                  Open("setuptools", ""), Pinned("django", "^4.2"), Open("tox", "*")));
  EXPECT_THAT(Read(Format::kPythonLock, R"(version = 1
[[package]]
name = "shop"
version = "0.1.0"
source = { editable = "." }
[[package]]
name = "django"
version = "4.2.1"
source = { registry = "https://example.com/simple" }
)"),
              ElementsAre(Pinned("django", "4.2.1")));
  EXPECT_THAT(
      Read(Format::kPipfileLock, R"({"_meta": {}, "default": {"django": {"version": "==4.2.1"},
      "lib": {"git": "https://example.com/l.git", "ref": "abc"}}, "develop": {"pytest": {"version": "==7.0"}}})"),
      ElementsAre(Pinned("django", "4.2.1"), Pinned("lib", "abc"), Pinned("pytest", "7.0")));
}

TEST(ReadDependencies, MavenResolvesTheFilesOwnProperties) {
  EXPECT_THAT(
      Read(Format::kPom, R"(<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent><groupId>org.boot</groupId><artifactId>parent</artifactId><version>2.7.0</version></parent>
  <version>1.0</version>
  <properties><guava.version>31.1-jre</guava.version><a>${b}</a><b>${a}</b></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>com.google</groupId><artifactId>guava</artifactId><version>${guava.version}</version>
      <exclusions><exclusion><groupId>x</groupId><artifactId>y</artifactId></exclusion></exclusions></dependency>
  </dependencies></dependencyManagement>
  <dependencies>
    <dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>
    <dependency><groupId>g</groupId><artifactId>ring</artifactId><version>${a}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>open</artifactId><version>[1.0,)</version></dependency>
  </dependencies>
  <build><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>3.2</version></plugin></plugins></build>
</project>)"),
      ElementsAre(Pinned("org.boot:parent", "2.7.0"), Pinned("com.google:guava", "31.1-jre"),
                  Pinned("g:managed", ""), Pinned("g:ring", "${a}"), Open("g:open", "[1.0,)"),
                  Pinned("org.apache.maven.plugins:maven-jar-plugin", "3.2")));
}

TEST(ReadDependencies, GradleAndRubyLocks) {
  EXPECT_THAT(Read(Format::kGradleLock,
                   "# note\ncom.google:guava:31.1-jre=compileClasspath,runtime\nempty=\n"),
              ElementsAre(Pinned("com.google:guava", "31.1-jre")));
  EXPECT_THAT(Read(Format::kGemfileLock,
                   "GEM\n  remote: https://example.com/\n  specs:\n"
                   "    rails (7.0.4)\n      actionpack (= 7.0.4)\n"
                   "    nokogiri (1.13.8-x86_64-linux)\n\nPLATFORMS\n  ruby\n"),
              ElementsAre(Pinned("rails", "7.0.4"), Pinned("nokogiri", "1.13.8")));
}

TEST(ReadDependencies, Dockerfile) {
  EXPECT_THAT(Read(Format::kDockerfile,
                   "# syntax\nARG GO=1.21\nARG BASE=debian:bookworm\n"
                   "FROM --platform=$BUILDPLATFORM golang:${GO}-alpine AS build\n"
                   "ARG GO=9\nRUN echo \\\n  FROM nothing\n"
                   "from build as test\nFROM $BASE\nFROM scratch\n"
                   "FROM registry.example.com:5000/base/image\n"
                   "FROM node:latest\nFROM python@sha256:abc\n"
                   "FROM alpine:${TAG:-3.19}\n"),
              ElementsAre(Pinned("golang", "1.21-alpine"), Pinned("debian", "bookworm"),
                          Open("registry.example.com:5000/base/image", ""), Open("node", "latest"),
                          Pinned("python", "@sha256:abc"), Pinned("alpine", "3.19")));
}

TEST(ReadDependencies, RefusesWhatItCannotRead) {
  const auto message = [](Format format, std::string_view bytes) {
    const auto read = ReadDependencies(format, bytes);
    EXPECT_FALSE(read.ok());
    if (read.ok()) return std::string();
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    return read.error().message;
  };
  EXPECT_THAT(message(Format::kPackageJson, "{"), HasSubstr("not JSON"));
  EXPECT_THAT(message(Format::kPackageJson, ""), HasSubstr("not JSON"));
  EXPECT_THAT(message(Format::kPackageLock, "[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message(Format::kPnpmLock, "a: [b"), HasSubstr("not YAML: line"));
  EXPECT_THAT(message(Format::kCargoToml, "a = "), HasSubstr("not TOML: line 1"));
  EXPECT_THAT(message(Format::kPom, "<project>"), HasSubstr("not XML"));
  EXPECT_THAT(message(Format::kPom, "<a/>"), HasSubstr("no <project>"));
  EXPECT_THAT(message(Format::kGoSum, std::string(kMostDependencyFileBytes + 1, 'x')),
              HasSubstr("more than the 33554432"));
}

// What a hostile file can do is bounded: nesting, entities, rings of properties.
TEST(ReadDependencies, SurvivesHostileFiles) {
  const auto nested = [](std::string_view open, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += open;
    return text;
  };
  EXPECT_FALSE(
      ReadDependencies(Format::kPackageLock, nested(R"({"dependencies":{"a":)", 100'000)).ok());
  EXPECT_FALSE(ReadDependencies(Format::kPnpmLock, nested("[", 100'000)).ok());
  EXPECT_FALSE(ReadDependencies(Format::kPnpmLock, nested("{a: ", 100'000)).ok());
  EXPECT_FALSE(ReadDependencies(Format::kCargoToml, "a = " + nested("[", 100'000)).ok());
  EXPECT_FALSE(ReadDependencies(Format::kPom, nested("<project>", 100'000)).ok());
  // Well-formed and as deep.
  EXPECT_TRUE(
      ReadDependencies(Format::kPom, nested("<project>", 100'000) + nested("</project>", 100'000))
          .ok());
  // An entity is not expanded, and not a version either.
  EXPECT_THAT(
      Read(Format::kPom,
           "<!DOCTYPE p [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><project><dependencies>"
           "<dependency><groupId>g</groupId><artifactId>a</artifactId><version>&e;</version>"
           "</dependency></dependencies></project>"),
      ElementsAre(Pinned("g:a", "&e;")));
  EXPECT_THAT(Read(Format::kDockerfile, "ARG A=$B\nARG B=$A$A\nFROM $A\n").size(), 1U);
}

TEST(ReadDependencies, AnEmptyFileOfLinesHasNone) {
  for (const auto format :
       {Format::kGoMod, Format::kGoSum, Format::kRequirements, Format::kYarnLock, Format::kPnpmLock,
        Format::kGradleLock, Format::kDockerfile, Format::kGemfileLock, Format::kCargoToml,
        Format::kPyproject}) {
    EXPECT_THAT(Read(format, ""), IsEmpty());
  }
}

TEST(IsOpenNpmRange, IsWhatABreakingVersionMayEnter) {
  for (const std::string_view open :
       {"", "*", "x", "latest", ">=1", ">1.0.0", "^1 || *", "user/repo",
        "git+https://example.com/x.git#main", "npm:real@*"}) {
    EXPECT_TRUE(IsOpenNpmRange(open)) << open;
  }
  for (const std::string_view closed :
       {"1.2.3", "^1", "~1.2", "1.x", ">=1 <2", "1 - 2", "^1 || ^2", "v1", "workspace:*",
        "file:../x", "npm:real@^1", "user/repo#v1.2", "https://example.com/x-1.0.tgz"}) {
    EXPECT_FALSE(IsOpenNpmRange(closed)) << closed;
  }
  EXPECT_FALSE(IsOpenNpmRange(std::string("git+ssh://example.com/x.git#") + std::string(kSha)));
}

}  // namespace
}  // namespace auspex::change
