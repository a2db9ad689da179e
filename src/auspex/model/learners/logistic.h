#pragma once

#include "auspex/model/classifier.h"

namespace auspex::model {

// "logistic": L2-regularised logistic regression on scaled features (scaling.h says how missing
// values and outliers go in). How strong the penalty is comes from the latest fifth of the
// examples: the one with the least loss there, then fitted on all.
Status RegisterLogistic(LearnerRegistry& registry);

}  // namespace auspex::model
