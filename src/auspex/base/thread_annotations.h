#pragma once

// clang's -Wthread-safety reads these; other compilers see nothing.
#if defined(__clang__)
#define AUSPEX_GUARDED_BY(x) __attribute__((guarded_by(x)))
#define AUSPEX_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#else
#define AUSPEX_GUARDED_BY(x)
#define AUSPEX_REQUIRES(...)
#endif
