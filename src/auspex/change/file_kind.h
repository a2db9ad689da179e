#pragma once

#include <cstdint>
#include <string_view>

namespace auspex::change {

// What a file is for, told by its path alone. A file is of one kind: the first that fits, in this
// order.
enum class FileKind : std::uint8_t {
  kGenerated,       // written by a program or copied in: vendor/, *.pb.go, *.min.js, …
  kDependency,      // manifests and lock files of package managers
  kMigration,       // changes of a stored schema
  kTest,            // tests and their data
  kDocs,            // read by people
  kInfrastructure,  // how it is built, packed, deployed and watched
  kConfig,          // settings
  kSource,          // the rest
};
[[nodiscard]] FileKind KindOf(std::string_view path);

// Whether others call what it declares: interface languages (protobuf, OpenAPI, GraphQL, Thrift,
// Avro), headers under include/, TypeScript declarations. By its path alone.
[[nodiscard]] bool IsPublicInterface(std::string_view path);

// "a/b/c" → "a/b"; "c" → "".
[[nodiscard]] std::string_view DirectoryOf(std::string_view path);
// "a/b/c" → "c".
[[nodiscard]] std::string_view NameOf(std::string_view path);
// The top directory, as in Kamei et al.: "a/b/c" → "a"; "c" → "".
[[nodiscard]] std::string_view SubsystemOf(std::string_view path);

}  // namespace auspex::change
