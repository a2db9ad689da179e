#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/base/sha256.h"
#include "auspex/storage/backup.h"
#include "auspex/storage/object_store.h"
#include "auspex/storage/sqlite/database.h"

// What backup and restore share. A copy is written under the name `<file>.partial` and renamed once
// it has proven itself; what fails before is deleted.
namespace auspex::storage::sqlite {

// The file of a copy in the making; deleted when it goes, unless Finish succeeded. Not thread-safe.
class PartialFile {
 public:
  // Error: kConflict if `path` or its partial file is there.
  static Result<PartialFile> Claim(const std::string& path);
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile();

  [[nodiscard]] const std::string& name() const { return name_; }
  // On disk, and named `path`. Its bytes.
  Result<std::int64_t> Finish();

 private:
  explicit PartialFile(std::string path) : path_(std::move(path)), name_(path_ + ".partial") {}
  std::string path_;  // empty: nothing to delete
  std::string name_;
};

// Objects put into a store; deleted again when this goes, unless kept. Not thread-safe.
class PutObjects {
 public:
  explicit PutObjects(ObjectStore& store) : store_(store) {}
  PutObjects(const PutObjects&) = delete;
  PutObjects& operator=(const PutObjects&) = delete;
  ~PutObjects();
  // Leaves an object alone that has these bytes already. Error: kConflict if it has others.
  Status Put(const std::string& name, const std::string& bytes);
  void Keep() { names_.clear(); }

 private:
  ObjectStore& store_;
  std::vector<std::string> names_;
};

// One moment of `from` as file `to`, with a rollback journal: nothing but the file is needed to
// read it. Returns the names of the objects that it refers to.
Result<std::vector<std::string>> CopySnapshot(Database& from, const std::string& to,
                                              const OnCopyProgress& on_progress);

// Error: kDataLoss or kInvalidArgument saying what of `what` does not prove itself.
Result<AuditReport> Prove(std::string_view what, const std::string& file, ObjectStore* objects,
                          const OnCopyProgress& on_progress);

}  // namespace auspex::storage::sqlite
