/** Builds the S3 server of the tests ahead of them, so that no test waits for a compiler. */
import { buildS3Server } from './s3-server.ts';

try {
  console.log(await buildS3Server((line) => console.log(line)));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
