-- 10,000 products of 50 option groups, 50,000 services that hold hardware with five options each.
INSERT INTO tblproductgroups (id, name) SELECT 1 + a.d + 10 * b.d, 'Group' FROM digits a, digits b;
INSERT INTO tblproducts (id, gid, name, description, stockcontrol, qty)
    SELECT n, 1 + n % 100, 'Product ' || n, 'A description of some length, as shops have them, and then some more of it.', 1, n % 50
    FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM digits a, digits b, digits c, digits e) numbers;
INSERT INTO tblproductconfiglinks (id, gid, pid) SELECT id, 1 + id % 50, id FROM tblproducts;
INSERT INTO tblproductconfigoptions (id, gid, optionname, optiontype)
    SELECT g.id * 10 + o.d, g.id, 'Option ' || o.d, CASE o.d WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 4 ELSE 1 END
    FROM tblproductgroups g, digits o WHERE g.id <= 50 AND o.d < 5;
INSERT INTO tblproductconfigoptionssub (id, configid, optionname)
    SELECT o.id * 10 + s.d, o.id, 'Choice ' || s.d FROM tblproductconfigoptions o, digits s
    WHERE s.d < CASE WHEN o.optiontype IN ('3', '4') THEN 1 ELSE 5 END;
INSERT INTO tblhosting (id, userid, packageid, domainstatus)
    SELECT n, n, 1 + n % 10000, CASE n % 3 WHEN 0 THEN 'Active' WHEN 1 THEN 'Suspended' ELSE 'Pending' END
    FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n
        FROM digits a, digits b, digits c, digits e, digits f WHERE f.d < 5) numbers;
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty)
    SELECT h.id * 10 + o.d, h.id, (1 + h.packageid % 50) * 10 + o.d,
        ((1 + h.packageid % 50) * 10 + o.d) * 10 + CASE WHEN o.d IN (2, 3) THEN 0 ELSE h.id % 5 END, h.id % 2
    FROM tblhosting h, digits o WHERE o.d < 5;
