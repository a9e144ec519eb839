// shell: the stage of the shell stories (tests/lib/stage.sh) for tests in Node:
// Redis, nginx, our programs and the mock, played line by line.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

// A shell that has the stage; each line it is given is run, and answers with
// what that printed. It strikes the stage when its input ends.
export class Shell {
	constructor() {
		const script = `
			set -u
			PATH=$PATH:/usr/sbin
			. "$top_srcdir/tests/lib/stage.sh"
			stage_open
			trap stage_close EXIT
			trap 'exit 1' INT TERM HUP
			while IFS= read -r line; do
				eval "$line" </dev/null
				printf '\\n==%d\\n' $?
			done`;
		this.process = spawn('sh', ['-c', script],
			{ stdio: ['pipe', 'pipe', 'inherit'] });
		this.lines = [];
		this.waiting = [];
		createInterface({ input: this.process.stdout })
			.on('line', (line) => this.#onLine(line));
		this.ended = new Promise((resolve) =>
			this.process.once('exit', () => {
				for (const { reject } of this.waiting)
					reject(new Error(this.lines.join('\n')));
				resolve();
			}));
	}

	#onLine(line) {
		const end = /^==(\d+)$/.exec(line);
		if (!end) {
			this.lines.push(line);
			return;
		}
		const output = this.lines.join('\n').trim();
		this.lines = [];
		this.waiting.shift().resolve({ output, status: Number(end[1]) });
	}

	// Output and exit status of one line of shell.
	ask(line) {
		return new Promise((resolve, reject) => {
			this.waiting.push({ resolve, reject });
			this.process.stdin.write(`${line}\n`);
		});
	}

	async run(line) {
		const { output, status } = await this.ask(line);
		assert.equal(status, 0, `${line}: ${output}`);
		return output;
	}

	async end() {
		this.process.stdin.end();
		await this.ended;
	}
}

// Text, or anything else as JSON, as one word of the shell.
export const quoted = (value) =>
	`'${(typeof value === 'string' ? value : JSON.stringify(value))
		.replaceAll('\'', '\'\\\'\'')}'`;
