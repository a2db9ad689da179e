#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/change.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/services.h"
#include "auspex/model/model.h"

namespace auspex::risk {

// What is done, how much of it, of how much (0: not known). Empty: nobody is told.
using Progress = std::function<void(std::string_view what, std::string_view unit, std::size_t done,
                                    std::size_t all)>;

// How likely commits of a repository had to be mended, learned from its own past.
struct RepositoryModel {
  std::shared_ptr<const model::Model> model;  // null: its past teaches too little
  std::string says;                           // what it stands on, or why there is none; a sentence
  std::vector<std::string> notes = {};        // what a reader should know of the learning
};

// Learns from commits that `until` holds, and from nothing later: labels by SZZ, as they could be
// told at the time of the last of them. So that not each commit is learned for anew, it learns
// until the one before or at `until` whose number is a multiple of a step that grows with the
// history (a twentieth of it, a power of two, at most kLongestStep): the same answer whatever was
// asked before. What was learned is kept in `cache`, for the last kKeptModels such commits; a cache
// that cannot be written is a note. Learns from the newest kMostRows. Errors: of Repository::Log
// and Tracer. `services`: folders of services that the feature `services` counts; each set of them
// has a model of its own.
inline constexpr std::size_t kMostRows = 20'000;
inline constexpr std::int64_t kLongestStep = 256;
inline constexpr std::size_t kKeptModels = 4;
Result<RepositoryModel> LearnRepository(const change::git::Repository& repository,
                                        const change::CommitId& until,
                                        const std::vector<change::ServicePath>& services,
                                        const std::string& cache, const Progress& progress);

}  // namespace auspex::risk
