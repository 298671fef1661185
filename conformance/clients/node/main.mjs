import { playAll } from './play.mjs';

await playAll(await import(process.env.AGENTCONF_FRONT === 'grpc' ? './grpc.mjs' : './http.mjs'));
process.exit(); // whatever a failed test has left open
