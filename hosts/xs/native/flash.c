/*
 * Flash: everything that a device keeps in read-only memory, which is the whole root machine and the
 * byte code. Allocated from one region that is protected before the device machine starts, so that
 * a write to it is a fault at the place where it happens.
 */
#include "host.h"

#define flashBytes (96u * 1024 * 1024)
/* More than any device has. */
#define ramBytes ((size_t)64 * 1024 * 1024)
static unsigned char* gxFlash = NULL;
static size_t gxFlashUsed = 0;
static int gxFlashDone = 0;

void flashInitialize(void)
{
	gxFlash = mmap(NULL, flashBytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (gxFlash == MAP_FAILED) {
		perror("daruma-xs: mmap");
		exit(exitUsage);
	}
}

void* flashAllocate(size_t size)
{
	void* result = gxFlash + gxFlashUsed;
	size = (size + 63) & ~(size_t)63;
	if (gxFlashUsed + size > flashBytes) {
		fprintf(stderr, "daruma-xs: the root machine does not fit\n");
		exit(exitUsage);
	}
	gxFlashUsed += size;
	return result;
}

void flashProtect(void)
{
	gxFlashDone = 1;
	if (mprotect(gxFlash, flashBytes, PROT_READ)) {
		perror("daruma-xs: mprotect");
		exit(exitUsage);
	}
}

/*
 * Chunks that grow lie behind each other, as in the SDK's arena (xsPlatform.c for ESP32): XS then has
 * one block of them, and compacts all of it.
 */
static void* ramAllocateChunks(txSize size)
{
	static unsigned char* area = NULL;
	static size_t used = 0;
	void* result;
	if (!area) {
		area = mmap(NULL, ramBytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (area == MAP_FAILED)
			hostFail("no memory for chunks");
	}
	if ((size_t)size > ramBytes - used)
		return NULL;
	result = area + used;
	used += size;
	return result;
}

/* Chunks and slots of the root are flash; those of the device machine are RAM. */
void* fxAllocateChunks(txMachine* the unused, txSize size)
{
	return gxFlashDone ? ramAllocateChunks(size) : flashAllocate(size);
}

void fxFreeChunks(txMachine* the unused, void* chunks unused)
{
}

txSlot* fxAllocateSlots(txMachine* the unused, txSize count)
{
	size_t size = (size_t)count * sizeof(txSlot);
	return gxFlashDone ? malloc(size) : flashAllocate(size);
}

void fxFreeSlots(txMachine* the unused, void* slots unused)
{
}
