// SPDX-License-Identifier: MIT
//
// The consumer: the smallest program that shows headers and library found and fitting each other.
#include <cerrno>
#include <cstdio>

#include <tocsin/base/errno.hpp>
#include <tocsin/base/result.hpp>

int main() { return 0; }
