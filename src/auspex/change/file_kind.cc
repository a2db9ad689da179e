#include "auspex/change/file_kind.h"

#include <algorithm>
#include <array>
#include <string>

namespace auspex::change {
namespace {

template <std::size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

template <std::size_t N>
bool EndsInOneOf(std::string_view text, const std::array<std::string_view, N>& ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [text](std::string_view end) { return text.ends_with(end); });
}

template <std::size_t N>
bool StartsInOneOf(std::string_view text, const std::array<std::string_view, N>& starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [text](std::string_view start) { return text.starts_with(start); });
}

// Whether one of the path's directories is one of these.
template <std::size_t N>
bool InOneOf(std::string_view path, const std::array<std::string_view, N>& folders) {
  std::string_view folder = DirectoryOf(path);
  while (!folder.empty()) {
    if (OneOf(NameOf(folder), folders)) return true;
    folder = DirectoryOf(folder);
  }
  return false;
}

bool IsGenerated(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 7> kFolders = {
      "vendor", "third_party", "node_modules", "generated", "__generated__", "dist", "gen"};
  constexpr std::array<std::string_view, 18> kEnds = {
      ".pb.go",  ".pb.cc",   ".pb.h",        "_pb2.py", "_pb2_grpc.py",    ".pb.gw.go",
      ".min.js", ".min.css", ".gen.go",      "_gen.go", ".generated.go",   ".generated.ts",
      ".g.dart", ".snap",    ".designer.cs", ".js.map", "zz_generated.go", ".bundle.js"};
  return InOneOf(path, kFolders) || EndsInOneOf(name, kEnds) || name.starts_with("zz_generated");
}

bool IsDependency(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 32> kNames = {"package.json",
                                                       "package-lock.json",
                                                       "npm-shrinkwrap.json",
                                                       "yarn.lock",
                                                       "pnpm-lock.yaml",
                                                       "go.mod",
                                                       "go.sum",
                                                       "cargo.toml",
                                                       "cargo.lock",
                                                       "pipfile",
                                                       "pipfile.lock",
                                                       "poetry.lock",
                                                       "uv.lock",
                                                       "pyproject.toml",
                                                       "setup.py",
                                                       "setup.cfg",
                                                       "pom.xml",
                                                       "build.gradle",
                                                       "build.gradle.kts",
                                                       "gradle.lockfile",
                                                       "gemfile",
                                                       "gemfile.lock",
                                                       "composer.json",
                                                       "composer.lock",
                                                       "conanfile.txt",
                                                       "conanfile.py",
                                                       "vcpkg.json",
                                                       "packages.config",
                                                       "packages.lock.json",
                                                       ".gitmodules",
                                                       "mix.exs",
                                                       "libs.versions.toml"};
  const bool requirements = name.starts_with("requirements") && name.ends_with(".txt");
  return OneOf(name, kNames) || requirements || name.ends_with(".csproj") ||
         (name.ends_with(".txt") && NameOf(DirectoryOf(path)) == "requirements");
}

bool IsMigration(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 6> kFolders = {"migrations", "migration", "migrate",
                                                        "changelogs", "flyway",    "liquibase"};
  constexpr std::array<std::string_view, 9> kEnds = {".sql", ".py",  ".rb", ".php", ".js",
                                                     ".ts",  ".xml", ".go", ".java"};
  const bool alembic = path.find("alembic/versions/") != std::string_view::npos;
  // Flyway's V7__add_column.sql.
  const bool flyway = name.size() > 4 && name[0] == 'v' && name[1] >= '0' && name[1] <= '9' &&
                      name.find("__") != std::string_view::npos && name.ends_with(".sql");
  return alembic || flyway || name == "schema.rb" ||
         (InOneOf(path, kFolders) && EndsInOneOf(name, kEnds));
}

bool IsTest(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 9> kFolders = {
      "test", "tests", "testing", "__tests__", "spec", "specs", "testdata", "e2e", "fixtures"};
  constexpr std::array<std::string_view, 5> kStems = {"_test", "_tests", "_spec", ".test", ".spec"};
  const std::string_view stem = name.substr(0, std::min(name.rfind('.'), name.size()));
  return InOneOf(path, kFolders) || EndsInOneOf(stem, kStems) || stem.starts_with("test_") ||
         // JUnit's FooTest.java; names come in lower case here, and "latest" ends so too.
         (stem.ends_with("test") && (name.ends_with(".java") || name.ends_with(".kt")) &&
          !stem.ends_with("latest")) ||
         stem == "conftest";
}

bool IsDocs(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 3> kFolders = {"docs", "doc", "documentation"};
  constexpr std::array<std::string_view, 6> kEnds = {".md",       ".rst", ".adoc",
                                                     ".markdown", ".mdx", ".tex"};
  constexpr std::array<std::string_view, 8> kNames = {"readme",       "license",    "changelog",
                                                      "authors",      "copying",    "notice",
                                                      "contributing", "maintainers"};
  return EndsInOneOf(name, kEnds) || InOneOf(path, kFolders) || OneOf(name, kNames);
}

bool IsInfrastructure(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 14> kFolders = {
      "deploy",    "deployment", "deployments", "helm",      "charts",    "k8s",    "kubernetes",
      "terraform", "ansible",    ".github",     ".circleci", "manifests", "docker", ".gitlab"};
  constexpr std::array<std::string_view, 7> kEnds = {".tf",    ".tfvars",     ".hcl",    ".nix",
                                                     ".cmake", ".dockerfile", ".service"};
  constexpr std::array<std::string_view, 20> kNames = {
      "makefile",        "cmakelists.txt",  "jenkinsfile",  ".gitlab-ci.yml", ".travis.yml",
      "procfile",        "vagrantfile",     "build",        "build.bazel",    "workspace",
      "workspace.bazel", "module.bazel",    "meson.build",  "tiltfile",       "azure-pipelines.yml",
      "skaffold.yaml",   ".goreleaser.yml", "configure.ac", "chart.yaml",     "kustomization.yaml"};
  return OneOf(name, kNames) || EndsInOneOf(name, kEnds) || InOneOf(path, kFolders) ||
         name.starts_with("dockerfile") || name.starts_with("docker-compose");
}

bool IsConfig(std::string_view path, std::string_view name) {
  constexpr std::array<std::string_view, 14> kEnds = {
      ".yaml", ".yml", ".toml", ".ini",        ".conf", ".cfg",   ".env",
      ".json", ".xml", ".cnf",  ".properties", ".rc",   ".plist", ".json5"};
  constexpr std::array<std::string_view, 3> kStarts = {".env", "application.", "appsettings"};
  constexpr std::array<std::string_view, 3> kFolders = {"config", "conf", "settings"};
  return EndsInOneOf(name, kEnds) || StartsInOneOf(name, kStarts) ||
         (InOneOf(path, kFolders) && name.find('.') == std::string_view::npos);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::string_view DirectoryOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view SubsystemOf(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

FileKind KindOf(std::string_view path) {
  const std::string lower = LowerCase(path);
  const std::string_view name = NameOf(lower);
  if (IsGenerated(lower, name)) return FileKind::kGenerated;
  if (IsDependency(lower, name)) return FileKind::kDependency;
  if (IsMigration(lower, name)) return FileKind::kMigration;
  if (IsTest(lower, name)) return FileKind::kTest;
  if (IsDocs(lower, name)) return FileKind::kDocs;
  if (IsInfrastructure(lower, name)) return FileKind::kInfrastructure;
  if (IsConfig(lower, name)) return FileKind::kConfig;
  return FileKind::kSource;
}

bool IsPublicInterface(std::string_view path) {
  constexpr std::array<std::string_view, 8> kEnds = {".proto", ".graphql", ".graphqls", ".thrift",
                                                     ".avsc",  ".wsdl",    ".d.ts",     ".raml"};
  constexpr std::array<std::string_view, 3> kHeaders = {".h", ".hpp", ".hh"};
  constexpr std::array<std::string_view, 2> kFolders = {"include", "includes"};
  constexpr std::array<std::string_view, 3> kStarts = {"openapi", "swagger", "asyncapi"};
  const std::string lower = LowerCase(path);
  const std::string_view name = NameOf(lower);
  return EndsInOneOf(name, kEnds) || StartsInOneOf(name, kStarts) ||
         (EndsInOneOf(name, kHeaders) && InOneOf(lower, kFolders));
}

}  // namespace auspex::change
