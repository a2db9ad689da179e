#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"

namespace auspex::rollout::testing {

// A real ledger in a folder of its own, deleted with it.
class TempLedger {
 public:
  TempLedger() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-rollout-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no folder " << name;
    folder_ = name;
    Open();
  }
  ~TempLedger() {
    ledger_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TempLedger(const TempLedger&) = delete;
  TempLedger& operator=(const TempLedger&) = delete;

  // As after a restart of the process.
  void Open() {
    ledger_.reset();
    auto objects = storage::FilesystemStore::Open((folder_ / "objects").string());
    if (!objects.ok()) {
      ADD_FAILURE() << objects.error().message;
      std::abort();
    }
    objects_ = *std::move(objects);
    auto opened = storage::SqliteLedger::Open(
        {.path = (folder_ / "ledger.db").string(), .objects = objects_.get()});
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    ledger_ = *std::move(opened);
  }
  storage::Ledger* get() { return ledger_.get(); }
  storage::Ledger* operator->() { return ledger_.get(); }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<storage::Ledger> ledger_;
};

}  // namespace auspex::rollout::testing
