import { openRig, WORKLOADS } from "./loopback/rig.ts";
for (const w of Object.values(WORKLOADS)) for (const d of [1,32]) {
  const rig = await openRig(w, d);
  rig.run(300000);
  const r:number[]=[];
  for (let i=0;i<5;i++){ const t=process.hrtime.bigint(); rig.run(500000); r.push(5e5/(Number(process.hrtime.bigint()-t)/1e9)); }
  console.log(w.name,d,r.map(x=>Math.round(x/1000)+"k").join(" "));
  await rig.close();
}
