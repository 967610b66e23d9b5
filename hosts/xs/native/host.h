/* The parts of the host: each is one file. */
#ifndef DARUMA_XS_HOST_H
#define DARUMA_XS_HOST_H

#include "xsAll.h"
#include "xsScript.h"
#ifdef WITH_VALGRIND
#include <valgrind/callgrind.h>
#else
/* Without valgrind's header its requests are left out; the counts are then not available. */
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(name) ((void)(name))
#endif

/* Parameters that XS gives and this host has no use for. */
#define unused __attribute__((unused))

/* Of xsmc.c and xsRun.c, which no header of XS declares for its hosts. */
extern txInteger _xsmcGetBuffer(txMachine* the, txSlot* slot, void** data, txUnsigned* count,
	txBoolean writable);
extern void fxRemapIDs(txMachine* the, txByte* code, txSize size, txID* ids);

/* Exit codes: 70 and the number of the XS abort, so that a caller can tell them apart. */
enum { exitUsage = 64, exitBroken = 65, exitAbortBase = 70 };

/* What the device machine holds, seen at each garbage collection. */
typedef struct {
	unsigned collections;
	/* After the last collection. */
	txSize liveSlots;
	/* The most after any collection since `statsReset`. */
	txSize peakChunkBytes;
	txSize peakSlots;
	/* SHA-512 digests: only a signature check has one. */
	unsigned signatures;
} txHostStats;
extern txHostStats gxStats;
/*
 * Collect before every request to the board: peaks are then the most that was live at a request.
 * What is made and dropped between two requests is seen only where XS itself collects.
 */
extern int gxCollectOften;
void statsReset(void);

/* flash.c: memory that becomes read-only, as the flash that holds byte code on a device. */
void flashInitialize(void);
void* flashAllocate(size_t size);
void flashProtect(void);

/* modules.c */
extern const char* gxModulesRoot;
txScript* modulesCompile(txMachine* root, txString path);
void modulesPrintSizes(void);

/* root.c */
void rootMarkBuiltIns(txMachine* root);
void rootFreeze(txMachine* root);

/* natives.c */
extern int gxPreloading;
extern txMachine* gxDevice;
/* The function that hears of aborts; undefined when there is none. */
extern txSlot gxAbortHook;
void nativesBuild(txMachine* root);

/* board.c: one request to the board, and its answer. */
typedef struct {
	int status;
	double value;
	uint32_t length;
	unsigned char* body;
} txAnswer;
enum { answerOk = 0, answerError = 1, answerNone = 2 };
/* Requests of the host itself; all others are named in operations.ts. */
enum { operationWait = 0, operationAbort = 1, operationMark = 2 };
extern int gxHasBoard;
/*
 * Ends the process when that many seconds pass between two requests of it, or without a board in
 * all: an endless loop. 0: never. Under valgrind everything takes 50 times longer.
 */
void boardLimit(unsigned seconds);
/* Ends the process for a reason that is the host's own and no device's; the board hears it. */
void hostFail(const char* format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void boardRequest(int operation, double a, double b, const void* body, uint32_t length,
	txAnswer* answer);
/* Numbers of the machine since the last mark, for the phase that ends now. */
void boardMark(txMachine* the, const char* phase);

/* digest.c: FIPS 180-4 */
typedef struct {
	int algorithm;
	uint64_t lengthBytes;
	uint32_t words[8];
	uint64_t longs[8];
	unsigned char block[128];
	unsigned used;
} txDigest;
enum { digestSha1 = 1, digestSha256 = 256, digestSha512 = 512 };
void digestStart(txDigest* self, int algorithm);
void digestWrite(txDigest* self, const unsigned char* bytes, size_t length);
/* Returns the length of the digest in bytes. */
unsigned digestClose(txDigest* self, unsigned char* into);

#endif
