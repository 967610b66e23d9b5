/*
 * What XS asks of its platform, for a command-line process that plays one ESP32. Included by xsAll.h
 * instead of the platform headers of the XS sources.
 */
#ifndef DARUMA_XS_PLATFORM_H
#define DARUMA_XS_PLATFORM_H

#undef mxLittleEndian
#define mxLittleEndian 1
#undef mxLinux
#define mxLinux 1
#define mxExport extern
#define mxImport extern
#define XS_FUNCTION_NORETURN __attribute__((noreturn))

#include <ctype.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int txSocket;
#define mxNoSocket -1
#define mxUseGCCAtomics 1
#define mxUsePOSIXThreads 1

#define mxMachinePlatform \
	int promiseJobs; \
	int isDevice; \
	void* waiterCondition; \
	void* waiterData; \
	void* waiterLink;

#define mxUseDefaultBuildKeys 1
#define mxUseDefaultParseScript 1
#define mxUseDefaultSharedChunks 1
#define mxUseDefaultMachinePlatform 1

/* Slots of 16 bytes, as on the ESP32, have 16-bit IDs; slots of 32 bytes have room for 32-bit ones. */
#if INTPTR_MAX == INT64_MAX
	#define mx32bitID 1
#endif

#endif
