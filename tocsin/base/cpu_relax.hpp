// SPDX-License-Identifier: MIT
//
// cpu_relax: what a loop does between two looks at a word that another processor is about to write.
//
// Thread rule: any thread.
#pragma once

namespace tocsin {

#if defined(__x86_64__) || defined(__i386__)
inline void cpu_relax() { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
inline void cpu_relax() { asm volatile("yield"); }
#else
inline void cpu_relax() {}
#endif

}  // namespace tocsin
