#include <exception>
#include <iostream>

#include "auspex/cli/run.h"

int main(int argc, char** argv) {
  try {
    return auspex::cli::Run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "auspex: " << error.what()
              << "\nThis is a bug of Auspex; please report it with the command and this text.\n";
    return 70;
  }
}
