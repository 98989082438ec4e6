-- A shop with every case: stock controlled, not controlled, zero, negative, hidden, retired; options of all four types;
-- services in every status, and the irregular ones that years of use leave behind.
INSERT INTO tblproductgroups (id, name) VALUES (3, 'Dedicated'), (4, 'VPS &amp; more');
INSERT INTO tblproducts (id, gid, name, description, hidden, stockcontrol, qty, retired) VALUES
    (1, 3, 'DS-64', 'a', 0, 1, 200, 0), (2, 3, 'DS-128', 'b', 0, 1, 12, 0), (3, 3, 'DS-256', 'c', 0, 0, 9, 0),
    (4, 4, 'VPS S', 'd', 0, 1, 0, 0), (5, 4, 'VPS M', 'e', 0, 1, -2, 0), (6, 4, 'VPS L', 'f', 1, 1, 4, 0),
    (7, 4, 'VPS &amp; XL', 'g', 0, 1, 3, 1), (8, 99, 'Orphan', 'h', 0, 1, 7, 0);
-- 1: RAM, Disk, RAID, IPs. 2: an operating system with raw and shown names, and a hidden option. The second row of
-- product 1's link is a duplicate.
INSERT INTO tblproductconfiglinks (id, gid, pid) VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 7), (5, 1, 1), (6, 1, 8), (7, 2, 8);
INSERT INTO tblproductconfigoptions (id, gid, optionname, optiontype, qtyminimum, qtymaximum, `order`, hidden) VALUES
    (4, 1, 'RAM', '1', 0, 0, 1, 0), (5, 1, 'Disk', '2', 0, 0, 2, 0), (10, 1, 'RAID', '3', 0, 0, 3, 0),
    (7, 1, 'IPs', '4', 1, 16, 4, 0), (8, 2, 'os|Operating system', '1', 0, 0, 0, 0), (9, 2, 'Old', '1', 0, 0, 0, 1),
    (50, 9, 'Linked to nothing', '1', 0, 0, 0, 0);
INSERT INTO tblproductconfigoptionssub (id, configid, optionname, sortorder, hidden) VALUES
    (11, 4, '32 GB', 1, 0), (12, 4, '64 GB', 2, 0), (13, 4, '16 GB', 3, 1), (20, 5, 'SATA', 0, 0), (21, 5, 'NVMe', 0, 0),
    (30, 10, 'Yes', 0, 0), (40, 7, 'Address', 0, 0), (51, 8, 'deb|Debian &amp; co', 2, 0), (52, 8, 'win|Windows', 1, 0),
    (53, 9, 'Gone', 0, 0), (54, 50, 'Nothing', 0, 0);
-- 700 services of products 1 to 5 in all seven statuses, with all options.
INSERT INTO tblhosting (id, userid, orderid, packageid, domainstatus)
    SELECT n, n, n, 1 + n % 5, CASE n % 7 WHEN 0 THEN 'Pending' WHEN 1 THEN 'Active' WHEN 2 THEN 'Suspended' WHEN 3 THEN 'Terminated'
        WHEN 4 THEN 'Cancelled' WHEN 5 THEN 'Fraud' ELSE 'Completed' END
    FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d AS n FROM digits a, digits b, digits c WHERE c.d < 7) numbers;
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty)
    SELECT id * 10 + 1, id, 4, 11 + id % 3, 0 FROM tblhosting WHERE packageid <= 3;
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty)
    SELECT id * 10 + 2, id, 5, 20 + id % 2, 0 FROM tblhosting WHERE packageid <= 3;
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty)
    SELECT id * 10 + 3, id, 10, 30, CASE WHEN id % 4 = 0 THEN 1 ELSE 0 END FROM tblhosting WHERE packageid <= 3;
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty)
    SELECT id * 10 + 4, id, 7, 40, id % 4 FROM tblhosting WHERE packageid <= 3;
-- Irregular ones, all active and of product 1 unless said otherwise.
INSERT INTO tblhosting (id, userid, orderid, packageid, domainstatus) VALUES
    (801, 1, 801, 1, 'Active'), (802, 1, 802, 1, 'Active'), (803, 1, 803, 1, 'Active'), (804, 1, 804, 1, 'Active'),
    (805, 1, 805, 1, 'Active'), (806, 1, 806, 1, 'Active'), (807, 1, 807, 99, 'Active'), (808, 1, 808, 8, 'Active'),
    (809, 1, 809, 7, 'Active');
INSERT INTO tblhostingconfigoptions (id, relid, configid, optionid, qty) VALUES
    -- 801 has no row at all. 802: ordered before Disk and RAID were added.
    (9020, 802, 4, 12, 0),
    -- 803: RAM twice, the newer one holds; IPs twice.
    (9030, 803, 4, 11, 0), (9031, 803, 4, 12, 0), (9032, 803, 5, 21, 0), (9033, 803, 10, 30, 1), (9034, 803, 7, 40, 3), (9035, 803, 7, 40, 2),
    -- 804: a choice that was deleted. 805: an option that is linked to other products only.
    (9040, 804, 4, 999, 0), (9041, 804, 5, 20, 0), (9042, 804, 10, 30, 0), (9043, 804, 7, 40, 1),
    (9050, 805, 4, 11, 0), (9051, 805, 5, 20, 0), (9052, 805, 10, 30, 1), (9053, 805, 50, 54, 0), (9054, 805, 8, 51, 0),
    -- 806: no choice was made.
    (9060, 806, 4, 0, 0), (9061, 806, 5, 21, 0),
    -- 807: its product is gone. 808: two option groups. 809: hidden option. 9999: its service is gone.
    (9070, 807, 4, 11, 0), (9080, 808, 8, 52, 0), (9081, 808, 4, 12, 0), (9082, 808, 9, 53, 0), (9090, 809, 8, 51, 0), (9091, 809, 9, 53, 0),
    (9100, 9999, 4, 11, 0);
