#pragma once

#include <span>
#include <vector>

#include "auspex/base/feature_spec.h"
#include "auspex/model/table.h"
#include "auspex/training/dataset.h"

namespace auspex::training {

// What came of the earlier rows of the same group, for each row. Point in time: a row's history
// stands on rows that are strictly earlier and whose outcome was known by the row's own time
// (known_at <= time); so it is the same when everything after the row is cut off. A group's first
// row has no history: NaN, and 0 rows.
//
// Rates over the last n rows are shrunk towards the group's rate so far by two rows' worth; "alike"
// ones weight the last 200 rows by how near their features are (each divided by its standard
// deviation so far) and how recent they are.
[[nodiscard]] std::span<const FeatureSpec> HistoryFeatures();

// One row a row of `data`, in its order; the columns are HistoryFeatures().
[[nodiscard]] model::Table HistoryOf(const Dataset& data);

}  // namespace auspex::training
