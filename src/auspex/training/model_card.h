#pragma once

#include <string>

#include "auspex/training/artefact.h"

namespace auspex::training {

// What a person should know before relying on the model, as Markdown.
[[nodiscard]] std::string ModelCard(const Artefact& artefact);

// Figures of a table: aligned text, a candidate a line.
[[nodiscard]] std::string FoldsText(const ModelRecord& record);

}  // namespace auspex::training
