#pragma once

// clang's -Wthread-safety reads these (`make tidy`); other compilers see nothing. Mutex (mutex.h)
// is what they speak of.
#if defined(__clang__)
#define AUSPEX_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define AUSPEX_THREAD_ATTRIBUTE(x)
#endif

// Of a member: touched only while this mutex is held.
#define AUSPEX_GUARDED_BY(x) AUSPEX_THREAD_ATTRIBUTE(guarded_by(x))
// Of a function or lambda: called only while this mutex is held.
#define AUSPEX_REQUIRES(...) AUSPEX_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))

// For mutex.h alone.
#define AUSPEX_CAPABILITY(x) AUSPEX_THREAD_ATTRIBUTE(capability(x))
#define AUSPEX_SCOPED_CAPABILITY AUSPEX_THREAD_ATTRIBUTE(scoped_lockable)
#define AUSPEX_ACQUIRE(...) AUSPEX_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define AUSPEX_RELEASE(...) AUSPEX_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
