/*
 * daruma-xs: one boot of an ESP32 on the XS engine. The module named on the command line and all that
 * it imports are preloaded in a root machine, which becomes read-only; the device machine is a clone
 * with the heap of a real board. Its default export runs, then events come from the board, if any.
 */
#include "host.h"

static const char* gxAbortNames[] = { "debugger", "memory full", "stack overflow", "fatal check",
	"dead strip", "unhandled exception", "no more keys", "too much computation",
	"unhandled rejection" };

/* The text of what was thrown: the message of an Error, "unknown" for anything else. */
static void exceptionText(txMachine* the, char* text, size_t size)
{
	snprintf(text, size, "unknown");
	mxTry(the) {
		txSlot* instance = mxException.kind == XS_REFERENCE_KIND ? mxException.value.reference : NULL;
		if (instance && instance->next && instance->next->kind == XS_ERROR_KIND) {
			mxPush(mxException);
			mxGetID(mxID(_message));
			snprintf(text, size, "%s", fxToString(the, the->stack));
			mxPop();
		}
	}
	mxCatch(the) {
	}
}

/* Who called whom, innermost first, with the slots that each call holds. */
static void printCalls(txMachine* the)
{
	txSlot* inner = the->stack;
	fprintf(stderr, "daruma-xs: stack overflow, %ld slots in use; innermost call first:\n",
		(long)(the->stackTop - the->stack));
	for (txSlot* frame = the->frame; frame; frame = frame->next) {
		txSlot* function = frame + 3;
		const char* name = "?";
		if (function->kind == XS_REFERENCE_KIND)
			for (txSlot* property = function->value.reference; property; property = property->next)
				if (property->ID == mxID(_name) && property->value.string &&
					(property->kind == XS_STRING_KIND || property->kind == XS_STRING_X_KIND))
					name = property->value.string;
		fprintf(stderr, "  %-24s %ld\n", name, (long)(frame + 5 - inner));
		inner = frame + 5;
	}
}

/*
 * Moddable's abortHook, as fxAbort of xsPlatform.c for ESP32 calls it: JavaScript may record why,
 * before the chip restarts. An abort within the hook calls it again: nothing here guards it.
 */
static void callAbortHook(txMachine* the, const char* reason)
{
	if (gxAbortHook.kind != XS_REFERENCE_KIND)
		return;
	fxBeginHost(the);
	mxPush(mxException);
	txSlot* exception = the->stack;
	mxException = mxUndefined;
	mxTry(the) {
		mxOverflow(-8);
		mxPushUndefined();
		mxPushSlot(&gxAbortHook);
		mxCall();
		mxPushStringC((txString)reason);
		mxPushSlot(exception);
		mxRunCount(2);
		mxPop();
	}
	mxCatch(the) {
	}
	fxEndHost(the);
}

void fxAbort(txMachine* the, int status)
{
	/* What the board hears is why the machine went down first, whatever the hook did then. */
	static int cause = -1;
	static char text[256];
	txAnswer answer;
	const char* name = status >= 0 && status <= 8 ? gxAbortNames[status] : "abort";
	if (cause < 0) {
		if (status == XS_STACK_OVERFLOW_EXIT && the->isDevice)
			printCalls(the);
		cause = status;
		if (status == XS_UNHANDLED_EXCEPTION_EXIT || !the->isDevice)
			exceptionText(the, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", name);
	}
	if (!the->isDevice) {
		fprintf(stderr, "daruma-xs: preload: %s: %s\n", name, text);
		_exit(exitAbortBase + status);
	}
	if (status != XS_STACK_OVERFLOW_EXIT && status != XS_DEBUGGER_EXIT)
		callAbortHook(the, name);
	if (gxHasBoard)
		boardRequest(operationAbort, cause, 0, text, (uint32_t)strlen(text), &answer);
	else
		fprintf(stderr, "daruma-xs: %s: %s\n",
			cause >= 0 && cause <= 8 ? gxAbortNames[cause] : "abort", text);
	fflush(stdout);
	_exit(exitAbortBase + cause);
}

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
	long chunk;
	long heap;
	long stack;
	int grows;
	int sizesOnly;
	const char* main;
} txArguments;

static int usage(void)
{
	fprintf(stderr, "usage: daruma-xs [--chunk bytes] [--heap slots] [--stack slots] [--board]\n"
		"  [--collect-often] [--sizes] --modules node_modules main.js\n");
	return exitUsage;
}

static int parseArguments(int argc, char** argv, txArguments* to)
{
	for (int i = 1; i < argc; i++) {
		const char* name = argv[i];
		const char* value = i + 1 < argc ? argv[i + 1] : "";
		if (!strcmp(name, "--chunk")) { to->chunk = atol(value); i++; }
		else if (!strcmp(name, "--heap")) { to->heap = atol(value); i++; }
		else if (!strcmp(name, "--stack")) { to->stack = atol(value); i++; }
		else if (!strcmp(name, "--modules")) { gxModulesRoot = value; i++; }
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
	/* documentation of the values: mcconfig's creation for esp32/nodemcu, with the bare stack. */
	txArguments arguments = { 78848, 4928, 384, 0, 0, NULL };
	char path[4096];
	if (!parseArguments(argc, argv, &arguments) || !realpath(arguments.main, path))
		return usage();
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

	txCreation creation = { (txSize)arguments.chunk, 0, (txSize)arguments.heap, 0,
		(txSize)arguments.stack, 32, 32, 53, 3, 1024, 17, 0 };
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
