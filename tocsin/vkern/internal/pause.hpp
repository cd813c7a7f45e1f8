// SPDX-License-Identifier: MIT
//
// pause: what a loop does between two looks at a word that another processor is about to write.
//
// Thread rule: any thread.
#pragma once

namespace tocsin::vkern::internal {

#if defined(__x86_64__) || defined(__i386__)
inline void pause() { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
inline void pause() { asm volatile("yield"); }
#else
inline void pause() {}
#endif

}  // namespace tocsin::vkern::internal
