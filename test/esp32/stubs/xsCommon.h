/* Stand-in for XS's header of this name: the version, as SDK 8.2.3 spells it. */
#pragma once
#define mxNative 1
#define XS_MAJOR_VERSION 17
#define XS_MINOR_VERSION (6 + mxNative)
