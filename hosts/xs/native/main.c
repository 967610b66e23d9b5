/*
 * daruma-xs: one boot of an ESP32 on the XS engine. The module named on the command line and all that
 * it imports are preloaded in a root machine, which becomes read-only; the device machine is a clone
 * with the heap of a real board. Its default export runs, then events come from the board, if any.
 */
#include "host.h"
#include <errno.h>

void fxQueuePromiseJobs(txMachine* the)
{
	the->promiseJobs = 1;
}

static void runJobs(txMachine* the)
{
	while (the->promiseJobs) {
		the->promiseJobs = 0;
		fxRunPromiseJobs(the);
	}
	fxEndJob(the);
}

/* A slot that the collector knows: the function that takes events. */
static txSlot gxDispatch;

/* Hands one event of the board to JavaScript: (kind, id, value, text). */
static void dispatch(txMachine* the, const txAnswer* event, double kind)
{
	uint32_t id;
	memcpy(&id, event->body, 4);
	fxBeginHost(the);
	mxTry(the) {
		mxOverflow(-10);
		mxPushUndefined();
		mxPush(gxDispatch);
		mxCall();
		mxPushInteger((txInteger)kind);
		mxPushInteger((txInteger)id);
		mxPushNumber(event->value);
		mxPushUndefined();
		if (event->length > 4) {
			txSize length = (txSize)event->length - 4;
			the->stack->value.string = fxNewChunk(the, length + 1);
			the->stack->kind = XS_STRING_KIND;
			memcpy(the->stack->value.string, event->body + 4, length);
			the->stack->value.string[length] = 0;
		}
		mxRunCount(4);
		mxPop();
	}
	mxCatch(the) {
		fxAbort(the, XS_UNHANDLED_EXCEPTION_EXIT);
	}
	fxEndHost(the);
	runJobs(the);
}

static void loop(txMachine* the)
{
	txAnswer event;
	runJobs(the);
	while (gxHasBoard) {
		if (gxCollectOften)
			fxCollectGarbage(the);
		boardRequest(operationWait, 0, 0, NULL, 0, &event);
		/* The kind of the event travels as the status; 0 ends the boot. */
		if (event.status == 0)
			break;
		dispatch(the, &event, event.status);
	}
	fxCheckUnhandledRejections(the, 1);
}

static void importModule(txMachine* the, txString path, txBoolean flag)
{
	fxBeginHost(the);
	mxTry(the) {
		mxOverflow(-4);
		mxPushStringC(path);
		fxAwaitImport(the, flag);
		if (flag == XS_IMPORT_DEFAULT) {
			txSlot* function = the->stack;
			mxPushUndefined();
			mxPushSlot(function);
			mxCall();
			mxRunCount(0);
			gxDispatch = *the->stack;
			gxDispatch.flag = XS_NO_FLAG;
			fxRemember(the, &gxDispatch);
			mxPop();
		}
		mxPop();
	}
	mxCatch(the) {
		fxAbort(the, XS_UNHANDLED_EXCEPTION_EXIT);
	}
	fxEndHost(the);
}

typedef struct {
	txSize chunk;
	txSize chunkStep;
	txSize heap;
	txSize heapStep;
	txSize stack;
	txSize seconds;
	int sizesOnly;
	const char* main;
} txArguments;

static int usage(void)
{
	fprintf(stderr, "usage: daruma-xs [--chunk bytes] [--heap slots] [--stack slots] [--board]\n"
		"  [--chunk-step bytes] [--heap-step slots: it grows; 0: it cannot]\n"
		"  [--seconds between requests, 0: no limit] [--collect-often] [--sizes]\n"
		"  --modules node_modules main.js\n");
	return exitUsage;
}

/* A whole decimal number; a missing one is none. */
static int parseNumber(const char* text, txSize* to)
{
	char* end;
	long value;
	if (!text || !isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	value = strtol(text, &end, 10);
	if (*end || errno || value > INT32_MAX)
		return 0;
	*to = (txSize)value;
	return 1;
}

static int parseArguments(int argc, char** argv, txArguments* to)
{
	for (int i = 1; i < argc; i++) {
		const char* name = argv[i];
		txSize* number = !strcmp(name, "--chunk") ? &to->chunk : !strcmp(name, "--heap") ? &to->heap :
			!strcmp(name, "--chunk-step") ? &to->chunkStep :
			!strcmp(name, "--heap-step") ? &to->heapStep :
			!strcmp(name, "--stack") ? &to->stack : !strcmp(name, "--seconds") ? &to->seconds : NULL;
		/* argv ends with a null pointer. */
		if (number) {
			if (!parseNumber(argv[++i], number)) return 0;
		}
		else if (!strcmp(name, "--modules")) {
			if (!(gxModulesRoot = argv[++i])) return 0;
		}
		else if (!strcmp(name, "--board")) gxHasBoard = 1;
		else if (!strcmp(name, "--collect-often")) gxCollectOften = 1;
		else if (!strcmp(name, "--sizes")) to->sizesOnly = 1;
		else if (name[0] == '-') return 0;
		else to->main = name;
	}
	return to->main != NULL;
}

int main(int argc, char** argv)
{
	/* mcconfig's creation for esp32/nodemcu, with the bare platform's stack. */
	txArguments arguments = { 78848, 0, 4928, 0, 384, 60, 0, NULL };
	char path[4096];
	if (!parseArguments(argc, argv, &arguments) || !realpath(arguments.main, path))
		return usage();
	boardLimit((unsigned)arguments.seconds);
	flashInitialize();
	/* nameModulo and symbolModulo must be those of the clone: it copies the tables. */
	txCreation rootCreation = { 24 * 1024 * 1024, 1024 * 1024, 512 * 1024, 64 * 1024, 8192,
		16384, 0, 53, 3, 64 * 1024, 1993, 0 };
	txMachine* root = fxCreateMachine(&rootCreation, "root", NULL, 0);
	if (!root)
		return exitAbortBase;
	fxBeginHost(root);
	nativesBuild(root);
	fxEndHost(root);
	rootMarkBuiltIns(root);
	gxPreloading = 1;
	importModule(root, path, XS_IMPORT_NAMESPACE);
	gxPreloading = 0;
	if (arguments.sizesOnly) {
		modulesPrintSizes();
		return 0;
	}
	rootFreeze(root);
	fxShareMachine(root);
	flashProtect();

	txCreation creation = { arguments.chunk, arguments.chunkStep, arguments.heap, arguments.heapStep,
		arguments.stack, 32, 32, 53, 3, 1024, 17, 0 };
	txMachine* the = fxCloneMachine(&creation, root, "device", NULL);
	if (!the)
		return exitAbortBase;
	the->isDevice = 1;
	gxDevice = the;
	CALLGRIND_TOGGLE_COLLECT;
	importModule(the, path, XS_IMPORT_DEFAULT);
	loop(the);
	boardMark(the, "end");
	return 0;
}
