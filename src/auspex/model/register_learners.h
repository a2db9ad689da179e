#pragma once

#include "auspex/model/classifier.h"

namespace auspex::model {

// Every learner there is: blend, logistic, xgboost.
Status RegisterLearners(LearnerRegistry& registry);

}  // namespace auspex::model
