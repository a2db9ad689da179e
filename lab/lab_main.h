#pragma once

namespace auspex::lab {

// The lab's own processes, for a program to offer as a sub-command. argv[1] is `service` (a
// SampleService), `load` (a LoadGenerator) or `rig` (a Rig; it prints where its parts are, one JSON
// object), then flags `--name value`; they run until SIGTERM or SIGINT. Returns an exit status: 0;
// 2 for wrong use, with the flags there are; 3 for a port that cannot be had, or a part of the rig
// that does not come up.
int LabMain(int argc, char** argv);

}  // namespace auspex::lab
